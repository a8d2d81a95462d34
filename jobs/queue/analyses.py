"""Songs that were handed in to be heard, each with its state. The row is the truth, whatever happens to a process.

An analysis is queued, then running, then done or failed; when it expires or is deleted it is forgotten altogether. What
runs is leased to one engine, which renews the lease while it lives: a lease that has run out puts the song back into
the queue. The sound and its pictures lie in a folder of its own, `analyses/ID` in the home.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    case,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, aliased, mapped_column

from jobs.queue.ids import is_address
from library.catalogue.database import Catalogue, changed
from library.catalogue.tables import Base, Note
from ml.report.errors import SoriError

QUEUED, RUNNING, DONE, FAILED = STATES = ("queued", "running", "done", "failed")
FOLDER_NAME = "analyses"
INCOMING_NAME = "incoming"
BEAT = "engine"
"""The note that says when an engine was last alive."""
TRIES = 2
"""A song that took its worker along is tried once more."""
LEASE_SECONDS = 15.0


class Analysis(Base):
    """One song that somebody handed in. `id` is its secret address; `name` is the file's name for people."""

    __tablename__ = "analyses"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    client: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str]
    file: Mapped[str] = mapped_column(String(80))
    """Its generated name in the analysis's folder."""
    format: Mapped[str] = mapped_column(String(40))
    size: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[str] = mapped_column(String(64), index=True)
    """SHA-256 of the bytes."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime | None] = mapped_column(default=None, index=True)

    state: Mapped[str] = mapped_column(String(10), default=QUEUED, index=True)
    stage: Mapped[str] = mapped_column(String(40), default="")
    progress: Mapped[float] = mapped_column(default=0.0)
    tries: Mapped[int] = mapped_column(default=0)
    engine: Mapped[str | None] = mapped_column(String(120), default=None)
    leased_until: Mapped[datetime | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)

    report: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    failure_code: Mapped[str | None] = mapped_column(String(40), default=None)
    failure: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """A sentence and its facts, for any language."""
    verdict: Mapped[str | None] = mapped_column(String(80), default=None)
    """The genre that the listener says is right."""


@dataclass(frozen=True)
class Upload:
    """What is known of a song when it is handed in."""

    client: str
    name: str
    file: str
    format: str
    size: int
    content: str


class Analyses:
    """The analyses of one home. Every method is one transaction."""

    def __init__(self, catalogue: Catalogue, home: Path) -> None:
        self.catalogue = catalogue
        self.root = home / FOLDER_NAME
        self.incoming = home / INCOMING_NAME
        """Where uploads lie until they have arrived."""

    def folder(self, analysis_id: str) -> Path:
        """Where an analysis keeps its files. What is no address of ours names no folder: it could lead anywhere."""
        if not is_address(analysis_id):
            raise ValueError(f"{analysis_id!r} is no address of an analysis")
        return self.root / analysis_id

    def add(self, analysis_id: str, upload: Upload, *, keep_seconds: float | None) -> Analysis:
        """Queue a song whose sound lies in its folder already; None keeps it until it is deleted."""
        now = datetime.now(UTC)
        expires = None if keep_seconds is None else now + timedelta(seconds=keep_seconds)
        analysis = Analysis(id=analysis_id, created_at=now, expires_at=expires, **vars(upload))
        with self.catalogue.session() as session:
            session.add(analysis)
            session.commit()
        return analysis

    def get(self, analysis_id: str) -> Analysis | None:
        """An analysis that is there and has not expired."""
        with self.catalogue.session() as session:
            return session.scalars(select(Analysis).where(Analysis.id == analysis_id, _fresh())).first()

    def recent(self, client: str, count: int = 20) -> list[Analysis]:
        """What this client handed in last."""
        own = select(Analysis).where(Analysis.client == client, _fresh())
        with self.catalogue.session() as session:
            return list(session.scalars(own.order_by(Analysis.created_at.desc(), Analysis.id).limit(count)))

    def delete(self, analysis_id: str) -> bool:
        """Forget an analysis and every byte of it. One that is running is stopped by its engine."""
        if not is_address(analysis_id):
            return False
        with self.catalogue.session() as session:
            gone = changed(session, delete(Analysis).where(Analysis.id == analysis_id)) > 0
            session.commit()
        if gone:
            self.remove_folder(analysis_id)
            with suppress(DBAPIError):  # others are reading: the journal is emptied with the next one
                self.catalogue.wipe()
        return gone

    def remove_folder(self, analysis_id: str) -> None:
        """Remove an analysis's sound and pictures; nothing but a child of `root` is ever removed."""
        folder = self.folder(analysis_id)
        if folder.parent == self.root and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)

    def set_verdict(self, analysis_id: str, verdict: str | None) -> bool:
        """Keep the genre that the listener says is right."""
        return self._update(Analysis.id == analysis_id, verdict=verdict)

    def count(self, state: str, client: str | None = None) -> int:
        wanted = select(func.count()).where(Analysis.state == state)
        if client is not None:
            wanted = wanted.where(Analysis.client == client)
        with self.catalogue.session() as session:
            return session.scalar(wanted) or 0

    def claim(self, engine: str) -> Analysis | None:
        """The next song for this engine, None where nothing waits.

        Clients take turns: everybody's first song goes before anybody's second, songs that run counted in.
        """
        other = aliased(Analysis)
        ahead = select(func.count()).where(
            other.client == Analysis.client,
            (other.state == RUNNING)
            | ((other.state == QUEUED) & (other.created_at < Analysis.created_at))
            | (
                (other.state == QUEUED) & (other.created_at == Analysis.created_at) & (other.id < Analysis.id)
            ),
        )
        turn = select(Analysis.id).where(Analysis.state == QUEUED)
        turn = turn.order_by(ahead.scalar_subquery(), Analysis.created_at, Analysis.id).limit(1)
        now = datetime.now(UTC)
        with self.catalogue.session() as session:
            # Read first: an idle engine must not take SQLite's write lock twenty times a second.
            chosen = session.scalar(turn)
            if chosen is None:
                return None
            taken = changed(
                session,
                update(Analysis)
                .where(Analysis.id == chosen, Analysis.state == QUEUED)
                .values(
                    state=RUNNING,
                    engine=engine,
                    tries=Analysis.tries + 1,
                    stage="",
                    progress=0.0,
                    started_at=now,
                    leased_until=now + timedelta(seconds=LEASE_SECONDS),
                ),
            )
            session.commit()
            return session.get(Analysis, chosen, populate_existing=True) if taken else None

    def renew(self, engine: str) -> None:
        """This engine lives: what it runs stays its own."""
        now = datetime.now(UTC)
        mine = (Analysis.state == RUNNING) & (Analysis.engine == engine)
        with self.catalogue.session() as session:
            session.execute(
                update(Analysis).where(mine).values(leased_until=now + timedelta(seconds=LEASE_SECONDS))
            )
            session.merge(Note(name=BEAT, value=now.isoformat()))
            session.commit()

    def last_beat(self) -> datetime | None:
        """When an engine was last alive."""
        with self.catalogue.session() as session:
            note = session.get(Note, BEAT)
            return datetime.fromisoformat(note.value) if note else None

    def held(self, engine: str) -> set[str]:
        """What this engine runs. A song that is deleted is held no longer."""
        mine = select(Analysis.id).where(Analysis.state == RUNNING, Analysis.engine == engine)
        with self.catalogue.session() as session:
            return set(session.scalars(mine))

    def set_progress(self, analysis_id: str, engine: str, stage: str, progress: float) -> bool:
        """Say how far it is. False: it was deleted, or given to another engine."""
        return self._update(_held(analysis_id, engine), stage=stage, progress=progress)

    def finish(self, analysis_id: str, engine: str, report: dict[str, Any]) -> bool:
        return self._end(analysis_id, engine, state=DONE, stage="", progress=1.0, report=report)

    def fail(self, analysis_id: str, engine: str, error: SoriError) -> bool:
        told = {"sentence": error.sentence, "facts": error.facts}
        return self._end(analysis_id, engine, state=FAILED, stage="", failure_code=error.code, failure=told)

    def give_back(self, analysis_id: str, engine: str) -> bool:
        """Queue a running song again. False where it has had its tries, and then it stays as it is."""
        again = _held(analysis_id, engine) & (Analysis.tries < TRIES)
        return self._update(again, state=QUEUED, stage="", progress=0.0, engine=None, leased_until=None)

    def release(self, engine: str, analysis_id: str | None = None) -> int:
        """An engine leaves its songs, or this one, to whoever comes next, as if they had never been tried."""
        mine = (Analysis.state == RUNNING) & (Analysis.engine == engine)
        return self._requeue(mine if analysis_id is None else mine & (Analysis.id == analysis_id))

    def reclaim(self) -> int:
        """Queue again what runs in an engine that has died: its lease has run out.

        Or it ends later than any lease can, because the clock was set back since: that may be a day to wait.
        """
        now = datetime.now(UTC)
        over = Analysis.leased_until < now
        impossible = Analysis.leased_until > now + timedelta(seconds=2 * LEASE_SECONDS)
        return self._requeue((Analysis.state == RUNNING) & (over | impossible))

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

    def _requeue(self, which: ColumnElement[bool]) -> int:
        tried = case((Analysis.tries > 0, Analysis.tries - 1), else_=0)
        with self.catalogue.session() as session:
            count = changed(
                session,
                update(Analysis)
                .where(which)
                .values(state=QUEUED, stage="", progress=0.0, engine=None, leased_until=None, tries=tried),
            )
            session.commit()
        return count

    def _end(self, analysis_id: str, engine: str, **values: Any) -> bool:
        now = datetime.now(UTC)
        return self._update(
            _held(analysis_id, engine), finished_at=now, engine=None, leased_until=None, **values
        )

    def _update(self, which: ColumnElement[bool], **values: Any) -> bool:
        with self.catalogue.session() as session:
            did = changed(session, update(Analysis).where(which).values(**values)) > 0
            session.commit()
        return did


def _fresh() -> ColumnElement[bool]:
    """What has expired is gone for everybody, even before an engine has removed it."""
    return Analysis.expires_at.is_(None) | (Analysis.expires_at > datetime.now(UTC))


def _held(analysis_id: str, engine: str) -> ColumnElement[bool]:
    """Only who holds a song may speak for it, so that exactly one report results."""
    return (Analysis.id == analysis_id) & (Analysis.state == RUNNING) & (Analysis.engine == engine)
