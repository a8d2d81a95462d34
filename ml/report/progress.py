"""How a long command says where it is."""

from __future__ import annotations

import sys
from collections.abc import Callable


def tell(text: str) -> None:
    """Counting up is for terminals, on one line of stderr; a log gets the finished lines alone."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text.endswith("\n"):
        print(text, end="", file=sys.stderr, flush=True)


Tell = Callable[[str], None]
"""Told the name of each stage of one song when it begins."""


def silent(_stage: str) -> None:
    """Who asks for no stages hears of none."""
