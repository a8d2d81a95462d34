"""Silence for mpg123, which reports broken MP3s on the C library's `stderr` and cannot be told not to.

libsndfile keeps its mpg123 handle to itself, and nothing in its interface sets mpg123's quiet flag. Pointing
file descriptor 2 elsewhere would also swallow what Python and other threads log there, so the C `stderr`
pointer is swapped instead: Python's own `sys.stderr` does not pass through it. Where the C library is not
glibc the pointer may be read-only, and the messages are left alone: they are a nuisance, not a fault.
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
def quiet_c_stderr() -> Iterator[None]:
    """Discard what C code prints to `stderr` meanwhile; nests, and overlaps between threads."""
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
