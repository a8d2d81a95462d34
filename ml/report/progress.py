"""Progress of an analysis and of offline work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
ProgressCallback = Callable[[str], None]
"""Called with the name of each stage of one song when it begins."""


def ignore_progress(_stage: str) -> None:
    """Default callback: ignores progress."""


def show_progress(text: str) -> None:
    """Show a counter on one line of a terminal's stderr; a log file gets only the finished lines."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text.endswith("\n"):
        print(text, end="", file=sys.stderr, flush=True)


def counted(items: Sequence[Item], step: str) -> Iterator[Item]:
    """The items one by one, each shown as the step's progress."""
    for number, item in enumerate(items, start=1):
        show_progress(f"{step} {number}/{len(items)}")
        yield item
