"""Keeps the files of the home from other users of the machine: songs, reports, and the key that signs cookies."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UMASK = 0o077
"""Of processes that write only into the home."""
_OTHERS = 0o077
_OURS = (
    *("library.db*", "secret", "analyses", "incoming", "examples", "feedback", "backups", "identity"),
    *("cache", "index"),
)


@contextmanager
def private_umask() -> Iterator[None]:
    """For a command that also writes files elsewhere, which others may read."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def make_private(home: Path) -> None:
    """Take the rights of others from what Sori wrote here before it did so from the start.

    The folder itself stays as its owner made it, and so does everything that a link leads to.
    """
    for path in (path for pattern in _OURS for path in home.glob(pattern)):
        with suppress(OSError):  # another user's file: only that user can change it
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & _OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
