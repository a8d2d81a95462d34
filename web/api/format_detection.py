"""Asks a child process for the format of a file: this process parses no file that a stranger sent.

There is one child (`ml.audio.sniff_server`) for each web process. It starts at the first question, answers one after
the other, and ends when this process does, because its standard input ends then. A child that dies or does not answer
in time is replaced. Everything waits through a socket, so that it also works where gevent replaces threads.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ml.audio.sniff import Kind
from ml.audio.sniff_server import parse_answer, question
from ml.paths import ROOT
from web.access.errors import WebError

ANSWER_SECONDS = 10.0
"""An answer takes milliseconds: only a disk or a machine that hardly moves takes longer."""
COMMAND = (sys.executable, "-S", "-E", "-m", "ml.audio.sniff_server")
"""Without the packages of the virtual environment, it starts in 50 ms and takes 12 MB."""
_ATTEMPTS = 2
"""The first child may have been killed since the last question."""
_MAX_ANSWER_BYTES = 4096
_MAX_CACHED = 512


class DetectionError(WebError):
    code = "detection"
    status = 503
    sentence = "The format of this file cannot be detected right now. Try again in a moment."
    retry_after = 10


class FormatDetector:
    """Detects formats in a child process, which it starts when it is first needed."""

    def __init__(self, command: Sequence[str] = COMMAND, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._command, self._answer_seconds = command, answer_seconds
        self._lock = threading.Lock()
        self._child: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def detect(self, path: Path) -> Kind:
        """The kind of the file; raises a `DetectionError` if no child can say, or a `ReadError`."""
        if not self._lock.acquire(timeout=2 * self._answer_seconds):
            raise DetectionError()
        try:
            return parse_answer(self._ask(question(path)))
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            process, connection = child
            connection.close()
            process.kill()
            process.wait()

    def _ask(self, line: bytes) -> bytes:
        for _ in range(_ATTEMPTS):
            try:
                return self._exchange(line)
            except TimeoutError:  # the same file would take as long again
                break
            except OSError:
                continue
        raise DetectionError()

    def _exchange(self, line: bytes) -> bytes:
        try:
            connection = self._connection()
            connection.sendall(line)
            received = b""
            while not received.endswith(b"\n"):
                part = connection.recv(_MAX_ANSWER_BYTES)
                if not part or len(received) > _MAX_ANSWER_BYTES:
                    raise ConnectionError("the child has ended")
                received += part
            return received
        except BaseException:  # also where the request is ended early: the next one must not get this answer
            self.close()
            raise

    def _connection(self) -> socket.socket:
        if self._child is None:
            ours, theirs = socket.socketpair()
            with theirs:
                os.set_blocking(theirs.fileno(), True)  # gevent's sockets never block; the child's input has to
                try:
                    handle = theirs.fileno()
                    process = subprocess.Popen(self._command, stdin=handle, stdout=handle, cwd=ROOT, env={})
                except OSError:
                    ours.close()
                    raise
            ours.settimeout(self._answer_seconds)
            self._child = process, ours
        return self._child[1]


_detector = FormatDetector()
atexit.register(_detector.close)


def detect_format(path: Path) -> Kind:
    """The kind of a file that was just received."""
    return _detector.detect(path)


def known_format(path: Path) -> Kind:
    """The same, cached while the file's size and time stay the same: a player requests a song piece by piece."""
    status = path.stat()
    return _detect_version(path, status.st_size, status.st_mtime_ns)


@lru_cache(_MAX_CACHED)
def _detect_version(path: Path, _size: int, _mtime_ns: int) -> Kind:
    return detect_format(path)
