"""The terminal a person sits at: its width, its colours, a progress bar that leaves no trace, and how it ends us."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import Self, TextIO

from ml.report.cells import clean, fit
from ml.report.text import Look

BAR_COLUMNS = 20
ERASE_LINE = "\r\x1b[K"
INTERRUPTED, CUT_OFF = 130, 141


def look_of(stream: TextIO, variables: Mapping[str, str]) -> Look:
    """Colours only where a person sees them and did not ask for none (https://no-color.org)."""
    plain = not stream.isatty() or variables.get("NO_COLOR") or variables.get("TERM") == "dumb"
    return Look(width=shutil.get_terminal_size().columns, colour=not plain)


class Progress:
    """A bar on the last line of a terminal; in a pipe or a log file it does nothing at all."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._stream = stream
        self._live = stream.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, done: int, name: str) -> None:
        if not self._live:
            return
        filled = BAR_COLUMNS * done // max(self._total, 1)
        bar = "█" * filled + "░" * (BAR_COLUMNS - filled)
        line = f"{bar} {done}/{self._total}  {clean(name)}"
        # One column stays free: a full last line would make some terminals scroll.
        self._stream.write(ERASE_LINE + fit(line, shutil.get_terminal_size().columns - 1))
        self._stream.flush()

    def clear(self) -> None:
        if self._live:
            self._stream.write(ERASE_LINE)
            self._stream.flush()


def as_program(run: Callable[[], int]) -> int:
    """The exit code of `run`, with the ways in which a terminal ends a program as exit codes of their own."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        return run()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more (`| head`). Without this, Python's own flush at exit would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
