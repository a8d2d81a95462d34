"""Uploads and their analyses, as rows.

An analysis is queued, then running, then done or failed; an expired or deleted one leaves nothing behind. The uploaded
file and its pictures are in a folder of their own, `analyses/ID` in the home.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import BigInteger, ColumnElement, String, delete, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, aliased, mapped_column

from jobs.queue import leases
from jobs.queue.ids import is_address
from jobs.queue.leases import Leased, LeaseQueue
from library.catalogue.database import Catalogue, changed
from library.catalogue.tables import Base, Note

QUEUED, RUNNING, DONE, FAILED = STATES = (leases.QUEUED, leases.RUNNING, leases.DONE, leases.FAILED)
FOLDER_NAME = "analyses"
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
    name: Mapped[str]
    file: Mapped[str] = mapped_column(String(80))
    """Its generated name in the folder of the analysis."""
    format: Mapped[str] = mapped_column(String(40))
    size: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[str] = mapped_column(String(64), index=True)
    """SHA-256 of the bytes."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime | None] = mapped_column(default=None, index=True)

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


class Analyses(LeaseQueue[Analysis]):
    """The analyses of one home. Every method is one transaction."""

    table = Analysis
    queued: ClassVar = {"stage": "", "progress": 0.0}
    ended: ClassVar = {"stage": ""}

    def __init__(self, catalogue: Catalogue, home: Path) -> None:
        super().__init__(catalogue)
        self.root = home / FOLDER_NAME
        self.incoming = home / INCOMING_NAME
        """Where uploads are until they have arrived completely."""

    def folder(self, analysis_id: str) -> Path:
        """The folder of an analysis. Text that is no address is refused: as a path it could lead anywhere."""
        if not is_address(analysis_id):
            raise ValueError(f"{analysis_id!r} is no address of an analysis")
        return self.root / analysis_id

    def add(self, analysis_id: str, upload: Upload, *, keep_seconds: float | None) -> Analysis:
        """Queue an upload whose file is in its folder already; None keeps it until it is deleted."""
        now = datetime.now(UTC)
        expires = None if keep_seconds is None else now + timedelta(seconds=keep_seconds)
        analysis = Analysis(id=analysis_id, created_at=now, expires_at=expires, **vars(upload))
        with self.catalogue.transaction() as session:
            session.add(analysis)
        return analysis

    def get(self, analysis_id: str) -> Analysis | None:
        """An analysis that exists and has not expired."""
        with self.catalogue.session() as session:
            return session.scalars(select(Analysis).where(Analysis.id == analysis_id, _fresh())).first()

    def recent(self, client: str, count: int = 20) -> list[Analysis]:
        """The last uploads of this client."""
        own = select(Analysis).where(Analysis.client == client, _fresh())
        with self.catalogue.session() as session:
            return list(session.scalars(own.order_by(Analysis.created_at.desc(), Analysis.id).limit(count)))

    def delete(self, analysis_id: str) -> bool:
        """Delete an analysis and all its files. A running one is stopped by its engine."""
        if not is_address(analysis_id):
            return False
        with self.catalogue.transaction() as session:
            gone = changed(session, delete(Analysis).where(Analysis.id == analysis_id)) > 0
        if gone:
            self.remove_folder(analysis_id)
            with suppress(DBAPIError):  # while others read, the journal cannot be emptied; the next deletion does it
                self.catalogue.wipe()
        return gone

    def remove_folder(self, analysis_id: str) -> None:
        """Remove the files of an analysis; nothing but a child of `root` is ever removed."""
        folder = self.folder(analysis_id)
        if folder.parent == self.root and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)

    def set_verdict(self, analysis_id: str, verdict: str | None) -> bool:
        """Store the genre that the listener gave as the right one."""
        return self.update(Analysis.id == analysis_id, verdict=verdict) > 0

    def count(self, state: str, client: str | None = None) -> int:
        wanted = select(func.count()).where(Analysis.state == state)
        if client is not None:
            wanted = wanted.where(Analysis.client == client)
        with self.catalogue.session() as session:
            return session.scalar(wanted) or 0

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

        Clients take turns: everybody's first upload goes before anybody's second; running ones are counted.
        """
        other = aliased(Analysis)
        ahead = select(func.count()).where(
            other.client == Analysis.client,
            (other.state == RUNNING)
            | ((other.state == QUEUED) & (other.created_at < Analysis.created_at))
            | ((other.state == QUEUED) & (other.created_at == Analysis.created_at) & (other.id < Analysis.id)),
        )
        waiting = select(Analysis.id).where(Analysis.state == QUEUED)
        return self.claim_first(waiting.order_by(ahead.scalar_subquery(), Analysis.created_at, Analysis.id), engine)

    def renew(self, engine: str) -> None:
        super().renew(engine)
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
        past = select(Analysis.id).where(Analysis.expires_at < datetime.now(UTC))
        with self.catalogue.session() as session:
            return list(session.scalars(past))


def _fresh() -> ColumnElement[bool]:
    """An expired analysis is invisible even before an engine has removed it."""
    return Analysis.expires_at.is_(None) | (Analysis.expires_at > datetime.now(UTC))
