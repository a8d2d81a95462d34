"""How many cores an analysis may use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores that this process may use, which a container can limit."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
