"""The files of uploads in a storage elsewhere, which a child process of the web process reaches.

There is one child (`jobs.queue.song_files.server`) for each web process. It starts at the first call and ends when this
process does. Each call has a socket of its own, so that only the greenlet that made it waits.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from environment import Environment
from jobs.queue.song_files import server
from jobs.queue.song_files.interface import FileStatus, SongFiles, StorageAwayError
from jobs.queue.song_files.local import LocalFiles
from jobs.queue.song_files.opening import open_song_files
from jobs.queue.song_files.remote import RemoteFiles
from library.catalogue.database import Catalogue
from ml.paths import ROOT

ANSWER_SECONDS = 120.0
"""How long a call may take: sending the largest song to a slow storage. Other calls give up much earlier."""
COMMAND = (sys.executable, "-m", "jobs.queue.song_files.server")
_ATTEMPTS = 2
"""The first child may have been killed since the last call."""


class Child(NamedTuple):
    process: subprocess.Popen[bytes]
    control: socket.socket
    """Hands over the socket of each call."""


class StorageProcess:
    """Runs the child, which starts when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.child: Child | None = None

    def ask(self, question: bytes) -> tuple[Any, bytes]:
        """The result of a call and the bytes that were read."""
        for _ in range(_ATTEMPTS):
            child = self._started()
            try:
                return _result_of(*_exchange(child.control, question))
            except TimeoutError:
                break
            except ConnectionError:
                self._end(child)
        raise StorageAwayError()

    def close(self) -> None:
        """End the child."""
        if self.child is not None:
            self._end(self.child)

    def _started(self) -> Child:
        with self._lock:
            if self.child is None:
                ours, theirs = socket.socketpair()
                with theirs:
                    os.set_blocking(theirs.fileno(), True)
                    self.child = Child(subprocess.Popen(COMMAND, stdin=theirs.fileno(), cwd=ROOT), ours)
            return self.child

    def _end(self, child: Child) -> None:
        with self._lock:
            if self.child is child:
                self.child = None
                child.control.close()
                child.process.kill()
                child.process.wait()


def _exchange(control: socket.socket, question: bytes) -> tuple[dict[str, Any], bytes]:
    """The answer to a call. Raises `ConnectionError` where the child has ended."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            os.set_blocking(theirs.fileno(), True)  # gevent's sockets never block; the child's have to
            ours.sendall(question)
            try:
                socket.send_fds(control, [b"."], [theirs.fileno()])
            except OSError as error:
                raise ConnectionError("the child has ended") from error
        ours.settimeout(ANSWER_SECONDS)
        with ours.makefile("rb") as stream:
            line = stream.readline(server.MAX_LINE_BYTES)
            fields = json.loads(line) if line.endswith(b"\n") else {"bytes": -1}
            content = stream.read(max(0, fields["bytes"]))
    if len(content) != fields["bytes"]:
        raise ConnectionError("the child has ended")
    return fields, content


def _result_of(fields: dict[str, Any], content: bytes) -> tuple[Any, bytes]:
    error = fields.get("error")
    if error is None:
        return fields["result"], content
    if error == server.MISSING:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if error == server.FULL:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise StorageAwayError() if error == server.AWAY else RuntimeError(error)


_process = StorageProcess()
atexit.register(_process.close)


@dataclass(frozen=True)
class ServedFiles(RemoteFiles):
    """What pages need of `RemoteFiles`, through the child."""

    def names(self, analysis_id: str) -> set[str]:
        return set(self._ask("names", analysis_id)[0])

    def status(self, analysis_id: str, name: str) -> FileStatus:
        return FileStatus(**self._ask("status", analysis_id, name)[0])

    def read(self, analysis_id: str, name: str, start: int = 0, stop: int | None = None) -> bytes:
        return self._ask("read", analysis_id, name, start, stop)[1]

    def store(self, analysis_id: str, name: str, path: Path) -> None:
        self._ask("store", analysis_id, name, server.path_text(path))

    def delete(self, analysis_id: str) -> None:
        self._ask("delete", analysis_id)

    def _ask(self, call: str, *arguments: str | int | None) -> tuple[Any, bytes]:
        return _process.ask(server.question(self, call, *arguments))


def song_files_of(environment: Environment, catalogue: Catalogue) -> SongFiles:
    """The files of uploads as the web process can reach them."""
    files = open_song_files(catalogue, environment.home, environment.storage_url, environment.cache_mb)
    return files if isinstance(files, LocalFiles) else ServedFiles(files.url, files.cache)
