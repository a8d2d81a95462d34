"""docs/benchmarks.md: one section for each benchmark, with its command, date and machine.

A run replaces the sections of its own benchmarks; the others stay, with the date on which they were measured.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ml.evaluate import markdown
from ml.paths import DOCS_FOLDER

PAGE = DOCS_FOLDER / "benchmarks.md"
IMAGES = PAGE.parent / "images"
PICTURES = {"neighbours": markdown.image("Search time by number of tracks", "neighbours-cost.svg")}
INTRODUCTION = """Each section is written by the command that it names, with its aim beside each figure. Load is the
average number of processes that wanted a core, just before and just after the run (the benchmark's own processes
included). Figures are worse on a machine that is used by other processes at the same time."""

Row = tuple[str, str, str]
"""What was measured, the figure, the aim."""


def machine() -> str:
    """What the figures depend on, without a name or an address."""
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cores} cores of {_processor()}, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        name = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        name = None
    return name[1].strip() if name else platform.machine()


def load() -> float:
    return os.getloadavg()[0]


def write(name: str, about: str, rows: Sequence[Row], loads: tuple[float, float], *, page: Path = PAGE) -> None:
    """Put the section of the benchmark `name` in its alphabetical place."""
    sections = _sections(page.read_text(encoding="utf-8")) if page.exists() else {}
    command = f"`python -m benchmarks --write {name}`"
    load_text = f"load {loads[0]:.1f} before, {loads[1]:.1f} after"
    measured = f"{command}, {datetime.now(UTC):%Y-%m-%d}, on {machine()}; {load_text}."
    picture = [PICTURES[name]] if name in PICTURES else []
    table = markdown.table(("", "measured", "aim"), rows)
    sections[name] = "\n\n".join([f"## {name}", about, measured, *picture, table])
    parts = [sections[key] for key in sorted(sections)]
    page.write_text(markdown.page("Benchmarks", "python -m benchmarks --write", INTRODUCTION, *parts), encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].removeprefix("## "): part.rstrip("\n") for part in parts}
