"""What was handed in and what came of it, read from the database itself: each song ends once, and ends well."""

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

from tests.hostile.lies import wav
from tests.hostile.wire import BOUNDARY, song_part

_TRIGGER = """
CREATE TABLE IF NOT EXISTS ends (id TEXT, state TEXT);
CREATE TRIGGER IF NOT EXISTS ended AFTER UPDATE OF state ON analyses WHEN NEW.state IN ('done', 'failed')
BEGIN INSERT INTO ends VALUES (NEW.id, NEW.state); END;
"""
"""The database keeps count of every end itself, so that a second one cannot hide behind the first."""


@dataclass
class Ledger:
    """The songs of one home: `accepted` have an answer that says so; of `unanswered` ones nobody knows."""

    home: Path
    accepted: dict[str, str] = field(default_factory=dict)
    """Name by id."""
    refused: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0

    def watch(self) -> None:
        with closing(self._connect()) as database:
            database.executescript(_TRIGGER)

    def hand_in(self, port: int, name: str = "song") -> str | None:
        """One song, unlike every other; its id where it was taken."""
        with self._lock:
            self._number += 1
            number = self._number
        sound = b"RIFF\x10\0\0\0WAVE%d" % number if name == "bad" else wav() + b"%d" % number
        body = song_part(sound, name.encode()) + b"--" + BOUNDARY + b"--\r\n"
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
            line.request("POST", "/api/v1/analyses", body, headers)
            answer = line.getresponse()
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            with self._lock:
                self.unanswered += 1
            return None
        finally:
            line.close()
        with self._lock:
            if answer.status == 202:
                self.accepted[told["id"]] = name
                return str(told["id"])
            self.refused[answer.status] += 1
            return None

    def states(self) -> dict[str, str]:
        with closing(self._connect()) as database:
            return dict(database.execute("SELECT id, state FROM analyses"))

    def wait(self, seconds: float = 90.0) -> None:
        """Until nothing waits and nothing runs, or for so long."""
        late = time.monotonic() + seconds
        while time.monotonic() < late:
            if not {"queued", "running"} & set(self.states().values()):
                return
            time.sleep(0.1)

    def wrongs(self) -> list[str]:
        """What is lost, doubled, stuck or ended otherwise than it should have."""
        states, found = self.states(), []
        with closing(self._connect()) as database:
            ends = Counter(one for (one,) in database.execute("SELECT id FROM ends"))
            failures = dict(database.execute("SELECT id, failure_code FROM analyses"))
        for one, name in self.accepted.items():
            wanted = "failed" if name == "bad" else "done"
            if one not in states:
                found.append(f"{one} ({name}) is lost")
            elif states[one] != wanted:
                found.append(f"{one} ({name}) is {states[one]} ({failures[one]}), not {wanted}")
            if not (self.home / "analyses" / one / "song").exists():
                found.append(f"the sound of {one} ({name}) is lost")
        for one, state in states.items():
            if ends[one] != 1:
                found.append(f"{one} is {state} and has ended {ends[one]} times")
        return found

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.home / "library.db", timeout=60)
