"""Runs of `preprocess.py` in this process and beside it, and what they leave in the library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import select

import preprocess
from library.catalogue.database import open_catalogue
from library.catalogue.failures import read_failures
from library.catalogue.tables import Track, TrackVectors
from tests.fakes import FakeEar
from tests.sources import ROOT

PROGRAM = [
    sys.executable,
    "-c",
    "import preprocess, sys, tests.fakes as f; sys.exit(preprocess.main(wake=f.FakeEar))",
]


def run(home: Path, *argv: str | Path, **variables: str) -> int:
    settings = {"SORI_HOME": str(home), **variables}
    return preprocess.run([str(arg) for arg in argv], variables=settings, load_pipeline=FakeEar)


def descriptors(home: Path) -> dict[str, tuple[bytes, bytes]]:
    """What the library holds, by path."""
    catalogue = open_catalogue(home)
    with catalogue.session() as session:
        rows = session.execute(
            select(Track.path, TrackVectors.harmony, TrackVectors.sound).join(
                TrackVectors, TrackVectors.track_id == Track.id
            )
        )
        found = {str(path): (harmony, sound) for path, harmony, sound in rows if path is not None}
    catalogue.close()
    return found


def failures(home: Path) -> dict[str, str]:
    catalogue = open_catalogue(home)
    found = {failure.path.name: failure.code for failure in read_failures(catalogue)}
    catalogue.close()
    return found


def start(home: Path, *argv: str | Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "SORI_HOME": str(home), "LC_ALL": "C.UTF-8"}
    return subprocess.Popen(
        [*PROGRAM, *map(str, argv)],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def count_heard(home: Path) -> int:
    return len(descriptors(home)) if (home / "library.db").exists() else 0
