"""Terminal output: width, colours, a progress bar that leaves no trace, and exit codes."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from tqdm import tqdm

from ml.report.cells import clean
from ml.report.text import Look

INTERRUPTED, CUT_OFF = 130, 141


def look_of(stream: TextIO, variables: Mapping[str, str]) -> Look:
    """Colours only on a terminal, and not where they are switched off (https://no-color.org)."""
    plain = not stream.isatty() or variables.get("NO_COLOR") or variables.get("TERM") == "dumb"
    return Look(width=shutil.get_terminal_size().columns, colour=not plain)


class Progress(tqdm):  # type: ignore[misc]
    """A bar with the rate and the time left, on the last line of a terminal. A pipe or a log file gets nothing."""

    monitor_interval = 0  # no thread: every call of `show` draws

    def __init__(self, total: int | None, stream: TextIO) -> None:
        super().__init__(
            total=total,
            file=stream,
            disable=not stream.isatty(),
            leave=False,
            ncols=_columns(),
            nrows=20,  # asked of the terminal it may be 0, and then tqdm shows nothing
            unit="",
            ascii="░█",
            bar_format="{bar:20} {n_fmt}/{total_fmt}  {rate_noinv_fmt}, {remaining}  {desc}",
        )

    def start(self, done: int, total: int) -> None:
        """From now on there is a total; the rate counts what is finished after `done`."""
        self.reset(total)
        self.n = self.initial = done

    def show(self, done: int, text: str) -> None:
        self.n, self.ncols = done, _columns()
        self.set_description_str(clean(text))


def _columns() -> int:
    """One column stays free: a full last line would make some terminals scroll."""
    return shutil.get_terminal_size().columns - 1


def as_program(run: Callable[[], int]) -> int:
    """The exit code of `run`; Ctrl-C and a closed pipe have exit codes of their own."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        return run()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has left (`| head`). Without this, Python's own flush at exit would fail with a message.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
