"""The configured folders read again, in a process of its own that this one watches.

What the process says of itself goes into a small file in the home, so that every web process can tell how far it is,
and a page that is loaded again finds it. The one that watches holds a lock; when that is free, nothing runs.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO, Any

from environment import Environment, to_variables
from ml.paths import ROOT
from web.access.errors import WebError

PROGRAM = (sys.executable, str(ROOT / "preprocess.py"))
RUNNING, STOPPING, DONE, STOPPED, FAILED = "running", "stopping", "done", "stopped", "failed"
STATE, LOCK, STOP = "scan.json", "scan.lock", "scan.stop"
LOOK_SECONDS = 0.2
GRACE_SECONDS = 15.0
"""So long a run may take to leave what it finished in order before it is ended for good."""
_TRIES = 10


class ScanRunsError(WebError):
    code = "scan_runs"
    status = 409
    sentence = "The folders are being read already."


class NoFoldersError(WebError):
    code = "no_folders"
    status = 409
    sentence = "No folders are set. Name them in SORI_FOLDERS and start Sori again."


class Scan:
    """One run at a time for all processes that share this home."""

    def __init__(self, environment: Environment, program: Sequence[str] = PROGRAM) -> None:
        self._environment, self.program = environment, program
        self._home = environment.home
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        if not self._environment.folders:
            raise NoFoldersError()
        lock = self._lock()
        (self._home / STOP).unlink(missing_ok=True)
        self._write({"state": RUNNING, "done": 0, "total": None, "name": ""})
        self._watcher = threading.Thread(target=self._watch, args=(lock,), name="scan", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Ask whoever watches to end it; what was finished is kept."""
        (self._home / STOP).touch()

    def state(self) -> dict[str, Any] | None:
        """How far the run is, or how the last one ended; None where there was none."""
        try:
            told: dict[str, Any] = json.loads((self._home / STATE).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        if told["state"] == RUNNING:
            if not self._is_watched():
                return {**told, "state": STOPPED}
            if (self._home / STOP).exists():
                return {**told, "state": STOPPING}
        return told

    def settle(self) -> None:
        """Wait for the end of a run that this process watches."""
        if self._watcher is not None:
            self._watcher.join()

    def _lock(self) -> IO[str]:
        file = (self._home / LOCK).open("w")
        for _ in range(_TRIES):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # a run; or somebody who looks whether there is one
                time.sleep(0.01)
            else:
                return file
        file.close()
        raise ScanRunsError()

    def _is_watched(self) -> bool:
        with (self._home / LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _watch(self, lock: IO[str]) -> None:
        with lock:
            told: dict[str, Any] = {"done": 0, "total": None, "name": ""}
            with subprocess.Popen(
                [*self.program, *map(str, self._environment.folders), "--progress", "json", *self._jobs()],
                env=self._variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            ) as process:
                ender = threading.Thread(target=self._end_on_request, args=(process,), daemon=True)
                ender.start()
                for line in process.stdout or ():
                    told = {**told, **json.loads(line)}
                    self._write({"state": RUNNING, **told})
                process.wait()
                ender.join()
            self._write({"state": self._ended(told), **told})

    def _ended(self, told: dict[str, Any]) -> str:
        if "counts" in told:
            return DONE
        return STOPPED if (self._home / STOP).exists() else FAILED

    def _end_on_request(self, process: subprocess.Popen[str]) -> None:
        asked: float | None = None
        while process.poll() is None:
            if asked is None and (self._home / STOP).exists():
                asked = time.monotonic()
                process.send_signal(signal.SIGINT)
            if asked is not None and time.monotonic() > asked + GRACE_SECONDS:
                process.kill()
            time.sleep(LOOK_SECONDS)

    def _jobs(self) -> list[str]:
        """Half the cores: the other half is for whoever uses the pages meanwhile."""
        return ["--jobs", str(max(1, (os.cpu_count() or 2) // 2))]

    def _variables(self) -> dict[str, str]:
        """This process's variables with the settings as they were read."""
        return {**os.environ, **to_variables(self._environment)}

    def _write(self, told: dict[str, Any]) -> None:
        partial = self._home / f"{STATE}.{secrets.token_hex(4)}"
        partial.write_text(json.dumps(told), "utf-8")
        partial.replace(self._home / STATE)
