"""Child processes that end with their parent, however it ended: a `kill -9` of the parent cannot be caught.

A child of the supervisor has a socket of its parent as standard input, and the system closes a dead process's files. A
child of `multiprocessing` waits for its parent.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress


def on_parent_exit(end: Callable[[], object]) -> None:
    """Call `end`, in a thread, once standard input is closed."""
    threading.Thread(target=_wait, args=(end,), name="parent", daemon=True).start()


def signal_ready() -> None:
    """Signal the supervisor through its socket that this process works."""
    with suppress(OSError):  # the parent has ended, which the thread above notices
        os.write(0, b".")


def end_with_parent() -> None:
    """For a child of `multiprocessing`: Ctrl-C is left to the parent, and this process ends when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_exit_after_parent, name="parent", daemon=True).start()


def _wait(end: Callable[[], object]) -> None:
    with suppress(OSError):  # the parent was killed
        while os.read(0, 1024):
            pass
    end()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
