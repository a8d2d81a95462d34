"""kill -9 at random moments, then resume: the library has to be that of an undisturbed run, to the last byte.

Every second kill takes the processes that listen along; otherwise they find out by themselves that nobody is there.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from sqlalchemy import select

from benchmarks.memory import count_heard
from benchmarks.preprocess import preprocess
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors

Row = tuple[str, str, str]

KILLS = 20
SONGS = 600
EARLY = 0.25
"""The share of runs that die while they load or scan; the others die while songs are heard."""
_POLL_SECONDS = 0.05


def run() -> Iterator[Row]:
    choose = random.Random(20)
    with TemporaryDirectory() as folder:
        music, home, calm = (Path(folder) / name for name in ("music", "var", "undisturbed"))
        write_songs(music)
        waking, run_seconds = calm_run(music, calm)
        kept = [0]
        while len(kept) <= KILLS:
            early = choose.random() < EARLY
            wait = choose.uniform(0, waking if early else 2 * run_seconds / KILLS)
            if not kill(music, home, wait, early=early, whole=len(kept) % 2 == 0):
                break  # it was finished before its moment came
            kept.append(count_heard(home))
        yield "runs killed at random moments", str(len(kept) - 1), str(KILLS)
        yield "of which heard anything", str(sum(b > a for a, b in pairwise(kept))), ""
        yield f"of {SONGS} songs there before the last run", str(kept[-1]), ""
        preprocess(music, home)
        disturbed, undisturbed = state(home), state(calm)
        names = {*disturbed, *undisturbed}
        unlike = sum(disturbed.get(name) != undisturbed.get(name) for name in names)
        yield "songs in the library afterwards", f"{len(disturbed)}", str(SONGS)
        yield "which differ from the undisturbed run in any byte", str(unlike), "0"


def write_songs(music: Path) -> None:
    """Eight seconds each, of other notes."""
    music.mkdir()
    time_axis = np.arange(8 * 16_000) / 16_000
    for number in range(SONGS):
        notes = np.random.default_rng(number)
        chord = sum(np.sin(2 * np.pi * hz * time_axis) for hz in notes.uniform(80, 2000, 4))
        beat = np.exp(-9 * (time_axis % notes.uniform(0.3, 0.8))) * notes.standard_normal(len(time_axis))
        soundfile.write(music / f"{number}.wav", 0.1 * chord + 0.1 * beat, 16_000)


def calm_run(music: Path, home: Path) -> tuple[float, float]:
    """Seconds until the first song of an undisturbed run was heard, and from there to the end."""
    started = time.perf_counter()
    process = start(music, home)
    wait_for_more(process, home, 0)
    first = time.perf_counter()
    process.wait()
    return first - started, time.perf_counter() - first


def start(music: Path, home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "preprocess.py", str(music)],
        env={**os.environ, "SORI_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_more(process: subprocess.Popen[bytes], home: Path, heard: int) -> None:
    while process.poll() is None and count_heard(home) <= heard:
        time.sleep(_POLL_SECONDS)


def kill(music: Path, home: Path, seconds: float, *, early: bool, whole: bool) -> bool:
    """Start a run and kill it so many seconds later, if not `early` counted from the first song that it hears.

    False where it had ended by itself.
    """
    process = start(music, home)
    if not early:
        wait_for_more(process, home, count_heard(home))
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return False
    (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.2)
    return True


def state(home: Path) -> dict[str, tuple[Any, ...]]:
    """Everything that the library holds of each file, but for ids and the time that hearing took."""
    catalogue = open_catalogue(home)
    found = {}
    with catalogue.session() as session:
        rows = (
            select(Track, TrackReport.report, TrackVectors, TrackFeatures)
            .join(TrackReport, TrackReport.track_id == Track.id)
            .join(TrackVectors, TrackVectors.track_id == Track.id)
            .join(TrackFeatures, TrackFeatures.track_id == Track.id)
            .where(Track.path.is_not(None))
        )
        for track, stored, vectors, features in session.execute(rows):
            facts = {column.key: getattr(track, column.key) for column in Track.__table__.columns}
            report = {name: value for name, value in stored.items() if name != "timings"}
            blobs = (vectors.harmony, vectors.sound, features.chromagram, features.trunk_output)
            found[str(track.path)] = (*blobs, facts | {"id": None, "report": report})
    catalogue.close()
    return found
