"""Songs for a cluster under test, and what became of them: each must end exactly once, with the expected result."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from environment import Environment
from jobs.cluster.messages import Messages
from jobs.folder_scan import analyse_file
from jobs.queue.analyses import Analyses, Analysis, Upload
from jobs.queue.ids import new_id
from jobs.queue.leases import MAX_TRIES
from jobs.queue.scan_files import ScanFile
from jobs.queue.scans import BusyError, Scan, Scans
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors
from library.collection.files import File
from ml.audio.settings import DEFAULT_LIMITS
from tests.fakes import FakePipeline
from tests.hostile.false_headers import wav

_TRIGGER = """
CREATE TABLE IF NOT EXISTS ends (name TEXT, id TEXT, state TEXT);
CREATE OR REPLACE FUNCTION note_end() RETURNS trigger AS $$
BEGIN INSERT INTO ends VALUES (TG_TABLE_NAME, NEW.id, NEW.state); RETURN NEW; END $$ LANGUAGE plpgsql;
CREATE OR REPLACE TRIGGER ended AFTER UPDATE OF state ON analyses FOR EACH ROW
WHEN (NEW.state IN ('done', 'failed')) EXECUTE FUNCTION note_end();
CREATE OR REPLACE TRIGGER ended AFTER UPDATE OF state ON scan_files FOR EACH ROW
WHEN (NEW.state IN ('done', 'failed')) EXECUTE FUNCTION note_end();
"""
"""The database itself counts the ends of each row, so that a second end cannot hide behind the first."""
_POLL_SECONDS = 0.1


@dataclass
class Songs:
    """The uploads and files of one cluster. `lost_tries` ended because three workers were lost."""

    environment: Environment
    music: Path
    uploaded: dict[str, str] = field(default_factory=dict)
    """Name by analysis id."""
    lost_tries: set[str] = field(default_factory=set)
    scans: int = 0

    def __post_init__(self) -> None:
        self.music.mkdir(exist_ok=True)
        self.catalogue = open_catalogue(self.environment.home, self.environment.database_url)
        self.analyses, self.scan_rows = Analyses(self.catalogue, self.environment.home), Scans(self.catalogue)
        self.messages = Messages(self.environment)
        with self.catalogue.transaction() as session:
            session.execute(text(_TRIGGER))
        self._lock = threading.Lock()
        self._number, self._expected = 0, FakePipeline()
        self._started: dict[int, int] = {}
        self._checked: set[str] = set()

    def content(self) -> bytes:
        """Different at every call."""
        with self._lock:
            self._number += 1
            return wav() + b"%06d" % self._number

    def upload(self, name: str = "song", *, content: bytes | None = None, notify: int = 1) -> str:
        """Store an upload as the web process does, and send so many messages about it."""
        content = content or self.content()
        analysis_id = new_id()
        folder = self.analyses.files.folder(analysis_id)
        folder.mkdir(parents=True)
        (folder / "song").write_bytes(content)
        upload = Upload("c", name, "song", "WAV", len(content), hashlib.sha256(content).hexdigest())
        persist(lambda: self.analyses.add(analysis_id, upload, keep_seconds=None))
        self.uploaded[analysis_id] = name
        for _ in range(notify):
            self.messages.notify_uploads([analysis_id])
        return analysis_id

    def add_files(self, count: int, name: str = "file") -> None:
        for _ in range(count):
            content = self.content()
            (self.music / f"{name} {self._number}.wav").write_bytes(content)

    def scan(self) -> None:
        """Ask for a scan as the library page does, unless one is running."""
        with suppress(BusyError):
            scan = Scan.of([self.music])
            persist(lambda: self.scan_rows.add(scan))
            self.scans += 1

    @property
    def files(self) -> int:
        return len(list(self.music.iterdir()))

    def waiting_files(self) -> list[int]:
        with self.catalogue.session() as session, suppress(DBAPIError):
            return list(session.scalars(select(ScanFile.id).where(ScanFile.state == "queued").limit(32)))
        return []

    def delete(self, analysis_id: str) -> None:
        """As its uploader does, at any moment."""
        persist(lambda: self.analyses.delete(analysis_id))
        del self.uploaded[analysis_id]

    def states(self) -> dict[str, str]:
        with self.catalogue.session() as session:
            return {row.id: row.state for row in session.execute(select(Analysis.id, Analysis.state))}

    def is_idle(self) -> bool:
        """Whether every upload and every scan has ended."""
        with self.catalogue.session() as session:
            uploads = select(func.count()).where(Analysis.state.in_(("queued", "running")))
            scans = select(func.count()).where(Scan.state.in_(("queued", "running", "stopping")))
            return not (session.scalar(uploads) or session.scalar(scans))

    def wait(self, seconds: float = 180.0) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(DBAPIError):
                if self.is_idle():
                    return True
            time.sleep(_POLL_SECONDS)
        return False

    def problems(self) -> list[str]:
        """What is lost, stuck, ended twice, or differs from an undisturbed analysis, of what is new since last time."""
        return [*persist(lambda: list(self._problems_of_uploads())), *persist(lambda: list(self._problems_of_files()))]

    def _problems_of_uploads(self) -> Iterator[str]:
        with self.catalogue.session() as session:
            rows = {row.id: row for row in session.scalars(select(Analysis).where(Analysis.id.not_in(self._checked)))}
            ends = Counter(session.scalars(text("SELECT id FROM ends WHERE name = 'analyses'")))
        for analysis_id, name in self.uploaded.items():
            if analysis_id in self._checked:
                continue
            self._checked.add(analysis_id)
            row = rows.get(analysis_id)
            if row is None:
                yield f"{analysis_id} ({name}) is lost"
                continue
            if ends[analysis_id] != 1:
                yield f"{analysis_id} ({name}) is {row.state} and has ended {ends[analysis_id]} times"
            if row.state == "failed" and row.failure_code == "crashed" and row.tries >= MAX_TRIES:
                self.lost_tries.add(analysis_id)
            elif row.state != "done":
                yield f"{analysis_id} ({name}) is {row.state} ({row.failure_code}) after {row.tries} tries"
            elif row.report != self._report_of(row):
                yield f"{analysis_id} ({name}) has another report than that of an undisturbed analysis"

    def _report_of(self, row: Analysis) -> dict[str, Any]:
        analysed = self._expected.run(
            self.analyses.files.folder(row.id) / "song", limits=DEFAULT_LIMITS, name=row.name
        ).report.to_dict()
        return json.loads(json.dumps(analysed))  # type: ignore[no-any-return]

    def _problems_of_files(self) -> Iterator[str]:
        with self.catalogue.session() as session:
            ends = Counter(session.scalars(text("SELECT id FROM ends WHERE name = 'scan_files'")))
            left = {row[0] for row in session.execute(select(ScanFile.state).distinct())}
            stored = Counter(session.scalars(select(Track.path).where(Track.path.is_not(None))))
            failed_scans = session.scalars(select(Scan).where(Scan.state.not_in(("done", "stopped")))).all()
        for scan in failed_scans:
            if f"scan {scan.id}" not in self._checked:
                self._checked.add(f"scan {scan.id}")
                yield f"scan {scan.id} is {scan.state} ({scan.failure_code}: {scan.failure})"
        for row_id, count in ends.items():
            if count != 1 and f"file {row_id}" not in self._checked:
                self._checked.add(f"file {row_id}")
                yield f"the file {row_id} has ended {count} times"
        if left & {"queued", "running"}:
            yield f"rows of files are left: {left}"
        for path in sorted(self.music.iterdir()):
            if str(path) in self._checked:
                continue
            self._checked.add(str(path))
            if stored[path] != 1:
                yield f"{path.name} is in the library {stored[path]} times"
                continue
            with self.catalogue.session() as session:
                track = session.scalars(select(Track).where(Track.path == path)).one()
                if track.failure_code == "crashed":
                    self.lost_tries.add(str(path))
                elif not self._is_as_expected(session, track):
                    yield f"{path.name} is stored otherwise than by an undisturbed scan ({track.failure_code})"

    def _is_as_expected(self, session: Session, track: Track) -> bool:
        assert track.path is not None
        record = analyse_file(self._expected, File.of(track.path, track.path.stat()), limits=DEFAULT_LIMITS)
        report, vectors, features = (
            session.get(table, track.id) for table in (TrackReport, TrackVectors, TrackFeatures)
        )
        if report is None or vectors is None or features is None:
            return False
        stored = (track.content, report.report, vectors.harmony, vectors.sound, features.chromagram)
        return (*stored, features.trunk_output) == (
            *(record.content, json.loads(json.dumps(record.report)), record.harmony, record.sound),
            *(record.chromagram, record.trunk_output),
        )

    def close(self) -> None:
        self.messages.close()
        self.catalogue.close()


def persist(step: Any, seconds: float = 60.0) -> Any:
    """As a person repeats what the service refused while its database was away."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return step()
        except DBAPIError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
