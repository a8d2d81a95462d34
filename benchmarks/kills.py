"""kill -9 at random moments, then resume: the library must be identical to that of an undisturbed run, byte for byte.

Every second kill includes the workers; otherwise they have to notice themselves that the main process is gone.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
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

from benchmarks.memory import count_analysed
from benchmarks.page import Row
from benchmarks.preprocess import preprocess, start
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors

KILLS = 20
SONGS = 600
EARLY = 0.25
"""The share of runs that are killed while they load or scan; the others are killed during analyses."""
_POLL_SECONDS = 0.05


def run() -> Iterator[Row]:
    chance = random.Random(20)
    with TemporaryDirectory() as folder:
        music, home, undisturbed = (Path(folder) / name for name in ("music", "var", "undisturbed"))
        write_songs(music)
        start_seconds, run_seconds = run_undisturbed(music, undisturbed)
        counts = [0]
        while len(counts) <= KILLS:
            early = chance.random() < EARLY
            wait = chance.uniform(0, start_seconds if early else 2 * run_seconds / KILLS)
            if not kill(music, home, wait, early=early, whole=len(counts) % 2 == 0):
                break  # it ended before it was killed
            counts.append(count_analysed(home))
        yield "runs killed at random moments", str(len(counts) - 1), str(KILLS)
        yield "of which analysed at least one song", str(sum(b > a for a, b in pairwise(counts))), ""
        yield f"songs of {SONGS} in the library before the last run", str(counts[-1]), ""
        preprocess(music, home)
        resumed, expected = state(home), state(undisturbed)
        names = {*resumed, *expected}
        different = sum(resumed.get(name) != expected.get(name) for name in names)
        yield "songs in the library afterwards", f"{len(resumed)}", str(SONGS)
        yield "which differ from the undisturbed run in any byte", str(different), "0"


def write_songs(music: Path) -> None:
    """Eight seconds each, all with different notes."""
    music.mkdir()
    time_axis = np.arange(8 * 16_000) / 16_000
    for number in range(SONGS):
        random_notes = np.random.default_rng(number)
        chord = sum(np.sin(2 * np.pi * hz * time_axis) for hz in random_notes.uniform(80, 2000, 4))
        beat = np.exp(-9 * (time_axis % random_notes.uniform(0.3, 0.8))) * random_notes.standard_normal(len(time_axis))
        soundfile.write(music / f"{number}.wav", 0.1 * chord + 0.1 * beat, 16_000)


def run_undisturbed(music: Path, home: Path) -> tuple[float, float]:
    """Seconds until the first song is analysed, and from there to the end."""
    started = time.perf_counter()
    process = start(music, home, own_group=True)
    wait_for_more(process, home, 0)
    first = time.perf_counter()
    process.wait()
    return first - started, time.perf_counter() - first


def wait_for_more(process: subprocess.Popen[bytes], home: Path, count: int) -> None:
    while process.poll() is None and count_analysed(home) <= count:
        time.sleep(_POLL_SECONDS)


def kill(music: Path, home: Path, seconds: float, *, early: bool, whole: bool) -> bool:
    """Start a run and kill it `seconds` later; unless `early`, these are counted from its first analysed song.

    False if it ended by itself before.
    """
    process = start(music, home, own_group=True)
    if not early:
        wait_for_more(process, home, count_analysed(home))
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return False
    (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.2)
    return True


def state(home: Path) -> dict[str, tuple[Any, ...]]:
    """All stored data of each file except ids and timings."""
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
