"""Scan a folder of four-minute MP3s into the library, and scan ten thousand unchanged files again.

Processor time is given beside elapsed time, because it hardly grows when other processes use the machine.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.analyse import write_song
from benchmarks.page import Row
from jobs.folder_scan import ScanOptions, analyse_file, versions
from library.catalogue.database import open_catalogue
from library.collection.files import File
from library.collection.scan import FolderScan
from ml.audio.settings import DEFAULT_LIMITS
from ml.pipeline import load

SONGS = 24
UNCHANGED = 10_000


def run() -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        music = Path(folder) / "music"
        write_songs(music, SONGS)
        cores, before = os.cpu_count() or 1, _processor_seconds()
        seconds = preprocess(music, Path(folder) / "var")
        worked = _processor_seconds() - before
        rate = f"{60 * SONGS / seconds:.0f} a minute"
        yield f"{SONGS} four-minute MP3s on {cores} cores, loading included", rate, "60 a minute"
        yield "processor time of each, loading included", f"{worked / SONGS:.2f} s", f"{cores:.2f} s"
        many, home = Path(folder) / "many", Path(folder) / "many-var"
        write_analysed(many, home, music / "0.mp3")
        for number in (1, 2, 3):
            seconds = preprocess(many, home)
            yield f"run {number} over {UNCHANGED:,} unchanged files", f"{seconds:.1f} s", "5 s"


def _processor_seconds() -> float:
    """Processor time of all child processes that have ended, and of their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_songs(music: Path, count: int, lengths: tuple[float, ...] = (240.0,)) -> None:
    """Songs of these lengths in turn; different bytes at the end make each file unique."""
    music.mkdir(parents=True)
    for number in range(count):
        song = music / f"{number}.mp3"
        if number < len(lengths):
            write_song(song, lengths[number])
            continue
        shutil.copy(music / f"{number % len(lengths)}.mp3", song)
        with song.open("ab") as file:
            file.write(b"\0" * number)


def write_analysed(folder: Path, home: Path, song: Path) -> None:
    """Ten thousand files, and a library in which each has the analysis of `song`."""
    folder.mkdir()
    options = ScanOptions([folder], jobs=1, limits=DEFAULT_LIMITS)
    with load() as pipeline:
        record = analyse_file(pipeline, File.of(song, song.stat()), limits=DEFAULT_LIMITS)
    catalogue = open_catalogue(home)
    scan = FolderScan(catalogue, versions(options), reclassify=lambda report, _: report)
    for number in range(UNCHANGED):
        path = folder / f"{number}.mp3"
        path.write_bytes(b"analysed already %d" % number)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        scan.store(file := File.of(path, path.stat()), replace(record, file=file, content=content))
    catalogue.close()


def preprocess(music: Path, home: Path) -> float:
    """Seconds of the whole command, its start included. All files must be read."""
    started = time.perf_counter()
    process = start(music, home)
    if process.wait() != 0:
        raise RuntimeError(f"preprocess.py ended with {process.returncode}")
    return time.perf_counter() - started


def start(music: Path, home: Path, *, own_group: bool = False) -> subprocess.Popen[bytes]:
    """Run `preprocess.py` on a folder, on request in a process group of its own, which can be killed as a whole."""
    return subprocess.Popen(
        [sys.executable, "preprocess.py", str(music)],
        env={**os.environ, "SORI_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=own_group,
    )
