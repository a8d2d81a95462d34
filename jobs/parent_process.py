"""A child process that ends with its parent, however that ended: the parent holds the other end of our input.

A signal can be caught and a `kill -9` cannot, but the system closes a dead process's files in either case.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress


def on_parent_exit(cut: Callable[[], object]) -> None:
    """Call `cut`, in a thread, once standard input ends."""
    threading.Thread(target=_wait, args=(cut,), name="lifeline", daemon=True).start()


def signal_ready() -> None:
    """Tell the parent, which has given us a socket for our input, that the work has begun."""
    with suppress(OSError):  # it is gone, and then the lifeline is cut as well
        os.write(0, b".")


def _wait(cut: Callable[[], object]) -> None:
    try:
        while os.read(0, 1024):
            pass
    except OSError:
        pass  # a socket whose other end died roughly
    cut()
