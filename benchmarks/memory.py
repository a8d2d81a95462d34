"""The memory of a run over five hundred songs of 15 to 90 seconds: the process that writes, and those that hear.

What each process holds in memory (RSS) is looked at every second, and the highest of each stretch of a hundred
songs is reported: a leak shows as a slope.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select

from benchmarks.preprocess import write_songs
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackVectors

Row = tuple[str, str, str]

SONGS = 500
LENGTHS = (60.0, 15.0, 45.0, 30.0, 90.0)
STRETCH = 100


def run() -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        music, home = Path(folder) / "music", Path(folder) / "var"
        write_songs(music, SONGS, LENGTHS)
        environment = {**os.environ, "SORI_HOME": str(home)}
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "preprocess.py", str(music)], env=environment, stdout=subprocess.DEVNULL
        )
        highest: dict[int, list[float]] = {}
        while process.poll() is None:
            stretch = count_heard(home) // STRETCH
            writer, hearers = resident(process.pid), [resident(child) for child in children(process.pid)]
            before = highest.get(stretch, [0.0, 0.0])
            highest[stretch] = [max(before[0], writer), max(before[1], *hearers, 0.0)]
            time.sleep(1.0)
        seconds = time.perf_counter() - started
        if process.returncode != 0:
            raise RuntimeError(f"preprocess.py ended with {process.returncode}")
    for stretch in range(SONGS // STRETCH):
        writer, hearer = highest[stretch]
        what = f"songs {stretch * STRETCH + 1} to {(stretch + 1) * STRETCH}: writer, largest hearer"
        yield what, f"{writer:.0f} MB, {hearer:.0f} MB", "flat" if stretch else ""
    yield f"{SONGS} songs of 48 seconds on average", f"{60 * SONGS / seconds:.0f} a minute", ""


def count_heard(home: Path) -> int:
    if not (home / "library.db").exists():
        return 0
    catalogue = open_catalogue(home)
    with catalogue.session() as session:
        own = select(func.count(TrackVectors.track_id)).join(Track).where(Track.path.is_not(None))
        count = session.scalar(own) or 0
    catalogue.close()
    return count


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def resident(pid: int) -> float:
    """Megabytes that the process holds in memory now; 0 where it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0
