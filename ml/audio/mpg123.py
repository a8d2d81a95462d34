"""Suppresses mpg123's messages about broken MP3s, which it writes to the C library's `stderr`.

libsndfile keeps its mpg123 handle private and has no option for mpg123's quiet flag. Redirecting file descriptor 2
would also discard what Python and other threads log there, so the C `stderr` pointer is swapped instead: Python's
`sys.stderr` does not use it. Where the C library is not glibc the pointer may be read-only, and the messages stay.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import threading
from collections.abc import Iterator

_lock = threading.Lock()
_depth = 0
_saved: int | None = None


@contextlib.contextmanager
def discard_c_stderr() -> Iterator[None]:
    """Discard what C code prints to `stderr` meanwhile. May be nested, and used by several threads at once."""
    global _depth, _saved
    streams = _streams()
    if streams is None:
        yield
        return
    pointer, null = streams
    with _lock:
        if _depth == 0:
            _saved, pointer.value = pointer.value, null
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                pointer.value = _saved


@functools.cache
def _streams() -> tuple[ctypes.c_void_p, int] | None:
    """The C `stderr` pointer and an open `/dev/null` stream, kept for the life of the process."""
    try:
        if not (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return None
        library = ctypes.CDLL(None)
        library.fopen.restype = ctypes.c_void_p
        null = library.fopen(b"/dev/null", b"we")
        return (ctypes.c_void_p.in_dll(library, "stderr"), null) if null else None
    except (AttributeError, OSError, ValueError):
        return None
