"""Runs `preprocess.py` in this process and beside it, and reads what it left in the library."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

import preprocess
from jobs.queue.scans import Scan, Scans
from library.catalogue.database import open_catalogue
from library.catalogue.failures import read_failures
from library.catalogue.tables import Track, TrackVectors
from tests.fakes import FakePipeline
from tests.sources import ROOT

PROGRAM = [
    sys.executable,
    "-c",
    "import jobs.queue.leases as leases, preprocess, sys, tests.fakes as fakes; leases.LEASE_SECONDS = 29.0;"
    "sys.exit(preprocess.main(load_pipeline=fakes.FakePipeline))",
]
"""The command with a fake pipeline, and a lease that does not run out while a busy machine installs the reference."""


def run(home: Path, *argv: str | Path, **variables: str) -> int:
    settings = {"SORI_HOME": str(home), **variables}
    return preprocess.run([str(arg) for arg in argv], variables=settings, load_pipeline=FakePipeline)


def descriptors(home: Path) -> dict[str, tuple[bytes, bytes]]:
    """The vectors of the library, by path."""
    catalogue = open_catalogue(home)
    with catalogue.session() as session:
        rows = session.execute(
            select(Track.path, TrackVectors.harmony, TrackVectors.sound).join(
                TrackVectors, TrackVectors.track_id == Track.id
            )
        )
        vectors = {str(path): (harmony, sound) for path, harmony, sound in rows if path is not None}
    catalogue.close()
    return vectors


def failures(home: Path) -> dict[str, str]:
    catalogue = open_catalogue(home)
    codes = {failure.path.name: failure.code for failure in read_failures(catalogue)}
    catalogue.close()
    return codes


def latest_scan(home: Path) -> Scan | None:
    catalogue = open_catalogue(home)
    scan = Scans(catalogue).latest()
    catalogue.close()
    return scan


def expire_lease(home: Path) -> None:
    """As if a killed process had been dead for longer than its lease."""
    catalogue = open_catalogue(home)
    Scans(catalogue).update(Scan.leased_until.is_not(None), leased_until=datetime.now(UTC) - timedelta(1))
    catalogue.close()


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


def count_analysed(home: Path) -> int:
    return len(descriptors(home)) if (home / "library.db").exists() else 0
