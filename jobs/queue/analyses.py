"""Uploads and their analyses, as rows.

An analysis is queued, then running, then done or failed; an expired or deleted one leaves nothing behind. The uploaded
file and its pictures are in `files`, by the id of the analysis: by default in a folder of their own, `analyses/ID` in
the home.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import BigInteger, ColumnElement, Select, String, case, delete, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from jobs.queue import leases
from jobs.queue.ids import is_address
from jobs.queue.leases import Leased, LeaseQueue
from jobs.queue.service_time import service_time
from jobs.queue.song_files.interface import SongFiles
from jobs.queue.song_files.opening import local_files
from library.catalogue.database import Catalogue, changed
from library.catalogue.identity import SONG_FOLDER
from library.catalogue.tables import Base, Note

QUEUED, RUNNING, DONE, FAILED = STATES = (leases.QUEUED, leases.RUNNING, leases.DONE, leases.FAILED)
FOLDER_NAME = SONG_FOLDER
INCOMING_NAME = "incoming"
HEARTBEAT = "engine"
"""The note that says when an engine was last alive."""
PEAKS, SPECTROGRAM, CHROMAGRAM = PICTURES = ("peaks.json", "spectrogram.png", "chromagram.png")
"""Files in the folder of an analysis that is done, beside the upload."""


class Analysis(Leased, Base):
    """One upload. `id` is its secret address; `name` is the file's name as people see it."""

    __tablename__ = "analyses"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    client: Mapped[str] = mapped_column(String(64), index=True)
    """The random name of the browser."""
    sender: Mapped[str] = mapped_column(String(64), index=True, default="")
    """The client by which limits are counted, as a browser can take new names: a hash of its network, for example."""
    name: Mapped[str]
    file: Mapped[str] = mapped_column(String(80))
    """Its generated name in the folder of the analysis."""
    format: Mapped[str] = mapped_column(String(40))
    size: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[str] = mapped_column(String(64), index=True)
    """SHA-256 of the bytes."""
    running_content: Mapped[str | None] = mapped_column(String(64), index=True, unique=True, default=None)
    """The content while it is leased, so that the database admits one analysis of the same bytes at a time."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime | None] = mapped_column(default=None, index=True)
    """By `service_time`, not by the clock."""

    stage: Mapped[str] = mapped_column(String(40), default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    report: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    verdict: Mapped[str | None] = mapped_column(String(80), default=None)
    """The genre that the listener gave as the right one."""


@dataclass(frozen=True)
class Upload:
    """What is known of a file when it is uploaded."""

    client: str
    name: str
    file: str
    format: str
    size: int
    content: str
    sender: str = ""


class Analyses(LeaseQueue[Analysis]):
    """The analyses of one home. Every method is one transaction."""

    table = Analysis
    claimed: ClassVar = {"running_content": Analysis.content}
    queued: ClassVar = {"stage": "", "progress": 0.0, "running_content": None}
    ended: ClassVar = {"stage": "", "running_content": None}

    def __init__(self, catalogue: Catalogue, home: Path, files: SongFiles | None = None) -> None:
        super().__init__(catalogue)
        self.home = home
        self.files = files or local_files(home)
        self.root = home / FOLDER_NAME
        """Where `files` are by default."""
        self.incoming = home / INCOMING_NAME
        """Where uploads are until they have arrived completely."""

    def add(self, analysis_id: str, upload: Upload, *, keep_seconds: float | None) -> Analysis:
        """Queue an upload whose file is in `files` already; None keeps it until it is deleted."""
        with self.catalogue.transaction() as session:
            expires = None if keep_seconds is None else service_time(session) + timedelta(seconds=keep_seconds)
            analysis = Analysis(id=analysis_id, created_at=datetime.now(UTC), expires_at=expires, **vars(upload))
            session.add(analysis)
        return analysis

    def get(self, analysis_id: str) -> Analysis | None:
        """An analysis that exists and has not expired."""
        with self.catalogue.session() as session:
            return session.scalars(select(Analysis).where(Analysis.id == analysis_id, _fresh(session))).first()

    def read_states(self, ids: set[str]) -> dict[str, Analysis]:
        """Those of these analyses that exist, without their reports."""
        with self.catalogue.session() as session:
            wanted = select(Analysis).where(Analysis.id.in_(ids), _fresh(session))
            found = session.scalars(wanted.options(defer(Analysis.report, raiseload=True)))
            return {analysis.id: analysis for analysis in found}

    def ids(self) -> set[str]:
        with self.catalogue.session() as session:
            return set(session.scalars(select(Analysis.id)))

    def recent(self, client: str, count: int = 20) -> list[Analysis]:
        """The last uploads of this client."""
        with self.catalogue.session() as session:
            own = select(Analysis).where(Analysis.client == client, _fresh(session))
            return list(session.scalars(own.order_by(Analysis.created_at.desc(), Analysis.id).limit(count)))

    def find(self, client: str, content: str) -> Analysis | None:
        """The last upload of these bytes by this client, unless it failed."""
        same = select(Analysis).where(Analysis.client == client, Analysis.content == content, Analysis.state != FAILED)
        with self.catalogue.session() as session:
            return session.scalars(same.where(_fresh(session)).order_by(Analysis.created_at.desc()).limit(1)).first()

    def delete(self, analysis_id: str) -> bool:
        """Delete an analysis and all its files. A running one is stopped by its engine.

        Raises `StorageAwayError` after its row was deleted; the sweeper then removes its files.
        """
        if not is_address(analysis_id):
            return False
        with self.catalogue.transaction() as session:
            gone = changed(session, delete(Analysis).where(Analysis.id == analysis_id)) > 0
        if gone:
            with suppress(DBAPIError):  # while others read, the journal cannot be emptied; the next deletion does it
                self.catalogue.wipe()
            self.files.delete(analysis_id)
        return gone

    def set_verdict(self, analysis_id: str, verdict: str | None) -> bool:
        """Store the genre that the listener gave as the right one."""
        return self.update(Analysis.id == analysis_id, verdict=verdict) > 0

    def count(self, state: str) -> int:
        return self._count(Analysis.state == state)

    def count_waiting_of(self, client: str, sender: str | None) -> int:
        """How many songs wait that came from this browser or this sender."""
        own = Analysis.client == client
        if sender is not None:
            own |= Analysis.sender == sender
        return self._count((Analysis.state == QUEUED) & own)

    def _count(self, which: ColumnElement[bool]) -> int:
        with self.catalogue.session() as session:
            return session.scalar(select(func.count()).where(which)) or 0

    def count_states(self) -> dict[str, int]:
        """How many analyses there are in each state."""
        with self.catalogue.session() as session:
            rows = session.execute(select(Analysis.state, func.count()).group_by(Analysis.state)).all()
        return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in rows}

    def usual_seconds(self, songs: int = 20) -> float | None:
        """How long the last analyses took on average; None where there was none."""
        last = select(Analysis.started_at, Analysis.finished_at).where(Analysis.state == DONE)
        with self.catalogue.session() as session:
            rows = session.execute(last.order_by(Analysis.finished_at.desc()).limit(songs)).all()
        seconds = [(end - start).total_seconds() for start, end in rows if start and end]
        return sum(seconds) / len(seconds) if seconds else None

    def claim(self, engine: str) -> Analysis | None:
        """The next analysis for this engine, None where nothing waits.

        Senders take turns, and the browsers of one sender do: everybody's first upload goes before anybody's second.
        Running ones are counted.
        """
        return self.claim_first(_waiting_by_turns(), engine)

    def claim_twin(self, content: str, engine: str) -> Analysis | None:
        """The next analysis of these bytes; None where none waits."""
        same = select(Analysis.id).where(Analysis.content == content, Analysis.state == QUEUED)
        return self.claim_first(same.order_by(Analysis.created_at, Analysis.id), engine)

    def beat(self) -> None:
        """Note that an engine is alive."""
        with self.catalogue.transaction() as session:
            session.merge(Note(name=HEARTBEAT, value=datetime.now(UTC).isoformat()))

    def last_beat(self) -> datetime | None:
        """When an engine was last alive."""
        with self.catalogue.session() as session:
            note = session.get(Note, HEARTBEAT)
            return datetime.fromisoformat(note.value) if note else None

    def set_progress(self, analysis_id: str, engine: str, stage: str, progress: float) -> bool:
        """False: it was deleted, or leased to another engine."""
        return self.update(self.is_held(analysis_id, engine), stage=stage, progress=progress) > 0

    def finish(self, analysis_id: str, engine: str, report: dict[str, Any]) -> bool:
        return self.end(analysis_id, engine, DONE, progress=1.0, report=report)

    def twin(self, analysis: Analysis) -> Analysis | None:
        """An analysis of the same bytes under the same name that is done."""
        same = select(Analysis).where(
            Analysis.content == analysis.content, Analysis.name == analysis.name, Analysis.state == DONE
        )
        with self.catalogue.session() as session:
            return session.scalars(same.order_by(Analysis.finished_at.desc()).limit(1)).first()

    def expired(self) -> list[str]:
        with self.catalogue.session() as session:
            past = select(Analysis.id).where(Analysis.expires_at <= service_time(session))
            return list(session.scalars(past))

    def expiry(self, analysis: Analysis) -> datetime | None:
        """When an analysis expires by this machine's clock, if an engine runs until then. None: not at all."""
        if analysis.expires_at is None:
            return None
        return datetime.now(UTC) + (analysis.expires_at - self._service_time())

    def _service_time(self) -> datetime:
        with self.catalogue.session() as session:
            return service_time(session)


def _fresh(session: Session) -> ColumnElement[bool]:
    """An expired analysis is invisible even before an engine has removed it."""
    return Analysis.expires_at.is_(None) | (Analysis.expires_at > service_time(session))


def _waiting_by_turns() -> Select[Any]:
    """The ids of waiting analyses in the order of their turns.

    They are numbered first among the analyses of one browser, then by these numbers among those of one sender. A song
    whose bytes are being analysed waits for that result, which it can use.
    """
    is_waiting = case((Analysis.state == RUNNING, 0), else_=1).label("is_waiting")
    arrival = (is_waiting, Analysis.created_at, Analysis.id)
    turn = func.row_number().over(partition_by=(Analysis.sender, Analysis.client), order_by=arrival).label("turn")
    unfinished = select(Analysis.id, Analysis.content, Analysis.created_at, Analysis.sender, is_waiting, turn)
    by_browser = unfinished.where(Analysis.state.in_((QUEUED, RUNNING))).subquery().c
    order = (by_browser.is_waiting, by_browser.turn, by_browser.created_at, by_browser.id)
    sender_turn = func.row_number().over(partition_by=by_browser.sender, order_by=order).label("turn")
    columns = by_browser.id, by_browser.content, by_browser.created_at, by_browser.is_waiting
    by_sender = select(*columns, sender_turn).subquery().c
    running = select(Analysis.running_content).where(Analysis.running_content.is_not(None))
    waiting = select(by_sender.id).where(by_sender.is_waiting == 1, by_sender.content.not_in(running))
    return waiting.order_by(by_sender.turn, by_sender.created_at, by_sender.id)
