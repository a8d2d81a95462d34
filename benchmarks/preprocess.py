"""A folder of four-minute MP3s into the library, and a second run over ten thousand unchanged files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.analyse import write_song

Row = tuple[str, str, str]

SONGS = 24
UNCHANGED = 10_000


def run() -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        music = Path(folder) / "music"
        music.mkdir()
        write_song(music / "0.mp3")
        for number in range(1, SONGS):  # other bytes at the end: the same sound, another file
            copy = music / f"{number}.mp3"
            shutil.copy(music / "0.mp3", copy)
            with copy.open("ab") as file:
                file.write(b"\0" * number)
        seconds = _preprocess(music, Path(folder) / "var")
        yield (
            f"{SONGS} four-minute MP3s, loading included",
            f"{60 * SONGS / seconds:.0f} a minute",
            "60 a minute",
        )
        crowd = Path(folder) / "crowd"
        crowd.mkdir()
        for number in range(UNCHANGED):
            (crowd / f"{number}.mp3").write_bytes(b"no sound %d" % number)
        _preprocess(crowd, Path(folder) / "var")
        again = _preprocess(crowd, Path(folder) / "var")
        yield f"second run over {UNCHANGED:,} unchanged files", f"{again:.1f} s", "5 s"


def _preprocess(music: Path, home: Path) -> float:
    started = time.perf_counter()
    environment = {**os.environ, "SORI_HOME": str(home)}
    command = [sys.executable, "preprocess.py", str(music)]
    subprocess.run(command, env=environment, capture_output=True, check=False)
    return time.perf_counter() - started
