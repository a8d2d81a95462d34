"""The page of what was measured: one section a benchmark, each with its command, its day and the machine.

A benchmark that runs replaces its own section; the others stay as they were, with the day on which they were measured.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ml.paths import DOCS_FOLDER

PAGE = DOCS_FOLDER / "benchmarks.md"
HEAD = """# Benchmarks

Each section is written by the command that it names; do not edit. Beside a figure stands what was aimed at. The load is
the number of processes that wanted a core just before and, the benchmark's own included, just after: on a machine that
others use at the same time, figures are worse than they need be.
"""

Row = tuple[str, str, str]


def machine() -> str:
    """What figures depend on, without a name or an address."""
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cores} cores of {_processor()}, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def load() -> float:
    return os.getloadavg()[0]


def write(
    name: str, about: str, rows: Sequence[Row], loads: tuple[float, float], *, page: Path = PAGE
) -> None:
    """Put the section of the benchmark `name` in its place, which is that of its name in the alphabet."""
    sections = _sections(page.read_text(encoding="utf-8")) if page.exists() else {}
    picture = "".join(f"![{what}](images/{file})\n\n" for what, file in PICTURES.get(name, {}).items())
    lines = (("", "measured", "aimed at"), ("---", "---:", "---:"), *rows)
    table = "\n".join(f"| {' | '.join(row)} |" for row in lines)
    sections[name] = (
        f"## {name}\n\n{about}\n\n`python -m benchmarks --write {name}`, {datetime.now(UTC):%Y-%m-%d}, on {machine()};"
        f" load {loads[0]:.1f} before, {loads[1]:.1f} after.\n\n{picture}{table}\n"
    )
    page.write_text("\n".join([HEAD, *(sections[key] for key in sorted(sections))]), encoding="utf-8")


PICTURES = {"neighbours": {"The cost of an answer over the number of tracks": "neighbours-cost.svg"}}


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("## "): part.rstrip("\n") + "\n" for part in parts}
