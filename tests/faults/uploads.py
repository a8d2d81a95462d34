"""Uploads songs, and reads from the database what became of them: each must end exactly once, and as expected."""

from __future__ import annotations

import http.client
import json
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.false_headers import wav
from tests.hostile.raw_http import BOUNDARY, song_part

_TRIGGER = """
CREATE TABLE IF NOT EXISTS ends (id TEXT, state TEXT);
CREATE TRIGGER IF NOT EXISTS ended AFTER UPDATE OF state ON analyses WHEN NEW.state IN ('done', 'failed')
BEGIN INSERT INTO ends VALUES (NEW.id, NEW.state); END;
"""
"""The database itself counts the ends of each analysis, so that a second end cannot hide behind the first."""


@dataclass
class Uploads:
    """The uploads to one home: `accepted` were answered with 202; whether `unanswered` ones were stored is unknown."""

    home: Path
    accepted: dict[str, str] = field(default_factory=dict)
    """Name by analysis id."""
    refused: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0

    def install_trigger(self) -> None:
        with closing(self._connect()) as database:
            database.executescript(_TRIGGER)

    def upload(self, port: int, name: str = "song") -> str | None:
        """Upload one song with a content of its own; its analysis id if it was accepted."""
        with self._lock:
            self._number += 1
            number = self._number
        content = b"RIFF\x10\0\0\0WAVE%d" % number if name == "bad" else wav() + b"%d" % number
        body = song_part(content, name.encode()) + b"--" + BOUNDARY + b"--\r\n"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
            connection.request("POST", "/api/v1/analyses", body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            with self._lock:
                self.unanswered += 1
            return None
        finally:
            connection.close()
        with self._lock:
            if response.status == 202:
                self.accepted[answer["id"]] = name
                return str(answer["id"])
            self.refused[response.status] += 1
            return None

    def states(self) -> dict[str, str]:
        with closing(self._connect()) as database:
            return dict(database.execute("SELECT id, state FROM analyses"))

    def wait(self, seconds: float = 90.0) -> None:
        """Wait until nothing is queued or running, at most this long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not {"queued", "running"} & set(self.states().values()):
                return
            time.sleep(0.1)

    def problems(self) -> list[str]:
        """Analyses that are lost, stuck, ended twice, or ended in another state than expected."""
        states, problems = self.states(), []
        with closing(self._connect()) as database:
            ends = Counter(analysis_id for (analysis_id,) in database.execute("SELECT id FROM ends"))
            failures = dict(database.execute("SELECT id, failure_code FROM analyses"))
        for analysis_id, name in self.accepted.items():
            expected = "failed" if name == "bad" else "done"
            if analysis_id not in states:
                problems.append(f"{analysis_id} ({name}) is lost")
            elif states[analysis_id] != expected:
                state = f"{states[analysis_id]} ({failures[analysis_id]})"
                problems.append(f"{analysis_id} ({name}) is {state}, not {expected}")
            if not (self.home / "analyses" / analysis_id / "song").exists():
                problems.append(f"the file of {analysis_id} ({name}) is lost")
        for analysis_id, state in states.items():
            if ends[analysis_id] != 1:
                problems.append(f"{analysis_id} is {state} and has ended {ends[analysis_id]} times")
        return problems

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.home / "library.db", timeout=60)
