"""Looking for what an input leaves behind or reaches for: processes, open files, temporaries, connections, a canary."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from tests.hostile.case import Bait
from tests.hostile.seeds import RATE, sound

_IN_OPEN, _IN_ACCESS, _IN_NONBLOCK = 0x20, 0x1, 0o4000


def descendants(pid: int) -> set[int]:
    """Every process that this one has started, and those that they have."""
    try:
        listings = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return set()
    own = {int(child) for listing in listings for child in listing.split()}
    return own.union(*(descendants(child) for child in own))


def open_files(pid: int) -> list[str]:
    """What its file descriptors point at; numbers of pipes and sockets are left out, since they say nothing."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(entry).split(":[")[0])
        except OSError:  # the one that lists the folder, or one that was closed just now
            continue
    return sorted(name for name in found if not name.startswith(f"/proc/{pid}/"))


@dataclass
class Bystander:
    """Somebody who must not be noticed: a listening socket, and a song that nobody asked for."""

    bait: Bait
    knocks: list[str] = field(default_factory=list)
    glances: list[str] = field(default_factory=list)


@contextmanager
def bystander(folder: Path) -> Iterator[Bystander]:
    """Note every connection to the bait's address, and every look at its canary."""
    canary = folder / "canary.wav"
    soundfile.write(canary, sound(7.0), RATE)
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    watched = Bystander(Bait(f"http://127.0.0.1:{server.getsockname()[1]}/song.ts", canary))
    over, inotify = threading.Event(), _watch(canary)

    def wait() -> None:
        while not over.is_set():
            try:
                connection, address = server.accept()
            except TimeoutError:
                continue
            watched.knocks.append(str(address))
            connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield watched
        watched.glances += _glances(inotify)
    finally:
        over.set()
        thread.join()
        server.close()
        if inotify >= 0:
            os.close(inotify)


def _watch(path: Path) -> int:
    """An inotify that tells who opens or reads `path`; -1 where there is no such thing."""
    try:
        library = ctypes.CDLL(None)
        handle: int = library.inotify_init1(_IN_NONBLOCK | os.O_CLOEXEC)
        library.inotify_add_watch(handle, os.fsencode(path), _IN_OPEN | _IN_ACCESS)
    except AttributeError:
        return -1
    return handle


def _glances(inotify: int) -> list[str]:
    try:
        return [f"{len(os.read(inotify, 65_536))} bytes of events"] if inotify >= 0 else []
    except BlockingIOError:
        return []
