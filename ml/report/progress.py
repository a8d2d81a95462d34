"""Progress of an analysis and of offline work."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class ProgressCallback(Protocol):
    """Called with the name of each stage of one song when it begins, and during a long one with the share of it that
    is done (0..1)."""

    def __call__(self, stage: str, share: float = 0.0, /) -> None: ...


def ignore_progress(_stage: str, _share: float = 0.0, /) -> None:
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
