"""Memory of a scan of five hundred songs of 15 to 90 seconds: of the process that writes, and of the workers.

The resident memory of each process (RSS) is read every second. The highest value for each hundred songs is printed, so
that a leak shows as a rise.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select

from benchmarks.page import Row
from benchmarks.preprocess import start, write_songs
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackVectors

SONGS = 500
LENGTHS = (60.0, 15.0, 45.0, 30.0, 90.0)
HUNDRED = 100


def run() -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        music, home = Path(folder) / "music", Path(folder) / "var"
        write_songs(music, SONGS, LENGTHS)
        started = time.perf_counter()
        process = start(music, home)
        highest: dict[int, list[float]] = {}
        while process.poll() is None:
            hundred = count_analysed(home) // HUNDRED
            writer, workers = resident(process.pid), [resident(child) for child in children(process.pid)]
            before = highest.get(hundred, [0.0, 0.0])
            highest[hundred] = [max(before[0], writer), max(before[1], *workers, 0.0)]
            time.sleep(1.0)
        seconds = time.perf_counter() - started
        if process.returncode != 0:
            raise RuntimeError(f"preprocess.py ended with {process.returncode}")
    for hundred in range(SONGS // HUNDRED):
        writer, worker = highest[hundred]
        what = f"songs {hundred * HUNDRED + 1} to {(hundred + 1) * HUNDRED}: writer, largest worker"
        yield what, f"{writer:.0f} MB, {worker:.0f} MB", "flat" if hundred else ""
    yield f"{SONGS} songs of 48 seconds on average", f"{60 * SONGS / seconds:.0f} a minute", ""


def count_analysed(home: Path) -> int:
    if not (home / "library.db").exists():
        return 0
    catalogue = open_catalogue(home)
    with catalogue.session() as session:
        own = select(func.count(TrackVectors.track_id)).join(Track).where(Track.path.is_not(None))
        count = session.scalar(own) or 0
    catalogue.close()
    return count


def children(pid: int) -> list[int]:
    """Child processes; none if the process has ended."""
    try:
        tasks = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for task in tasks for child in task.split()]


def resident(pid: int | str) -> float:
    """Megabytes of memory that the process uses now; 0 if it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0
