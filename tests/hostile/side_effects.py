"""Detects side effects of an input: processes, open files, temporary files, connections, reads of a canary file."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from tests.hostile.case import Bait
from tests.hostile.valid_files import RATE, chords_and_noise
from tests.ports import recorded_connections

_IN_OPEN, _IN_ACCESS, _IN_NONBLOCK = 0x20, 0x1, 0o4000


def descendants(pid: int) -> set[int]:
    """Child processes, and theirs."""
    try:
        listings = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return set()
    own = {int(child) for listing in listings for child in listing.split()}
    return own.union(*(descendants(child) for child in own))


def open_files(pid: int) -> list[str]:
    """The targets of its file descriptors, without the numbers of pipes and sockets."""
    names = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.append(os.readlink(entry).split(":[")[0])
        except OSError:  # the descriptor of this listing, or one that was closed meanwhile
            continue
    return sorted(name for name in names if not name.startswith(f"/proc/{pid}/"))


@dataclass
class BaitLog:
    """Accesses to the bait, a listening socket and an audio file, neither of which any input may reach."""

    bait: Bait
    connections: list[str] = field(default_factory=list)
    canary_reads: list[str] = field(default_factory=list)


@contextmanager
def watched_bait(folder: Path) -> Iterator[BaitLog]:
    """Record every connection to the bait's address, and every access to its canary file."""
    canary = folder / "canary.wav"
    soundfile.write(canary, chords_and_noise(7.0), RATE)
    inotify = _watch(canary)
    try:
        with recorded_connections() as (url, connections):
            log = BaitLog(Bait(url, canary), connections)
            yield log
        log.canary_reads += _canary_reads(inotify)
    finally:
        if inotify >= 0:
            os.close(inotify)


def _watch(path: Path) -> int:
    """An inotify handle that reports opens and reads of `path`; -1 where inotify is not available."""
    try:
        library = ctypes.CDLL(None)
        handle: int = library.inotify_init1(_IN_NONBLOCK | os.O_CLOEXEC)
        library.inotify_add_watch(handle, os.fsencode(path), _IN_OPEN | _IN_ACCESS)
    except AttributeError:
        return -1
    return handle


def _canary_reads(inotify: int) -> list[str]:
    try:
        return [f"{len(os.read(inotify, 65_536))} bytes of events"] if inotify >= 0 else []
    except BlockingIOError:
        return []
