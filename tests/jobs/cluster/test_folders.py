"""A folder through workers: the library is the same as from this machine alone, whatever becomes of the messages."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import select
from threadpoolctl import threadpool_limits

from environment import Environment
from jobs.cluster import folders
from jobs.cluster.folders import run_on_workers
from jobs.cluster.worker import Worker
from jobs.folder_scan import ScanOptions, fill_library
from jobs.queue.scan_files import ScanFile, ScanFiles
from jobs.queue.scans import Scan, Scans
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.failures import read_failures
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors
from library.collection.scan import Summary
from ml.audio.settings import DEFAULT_LIMITS
from tests.fakes import FakePipeline, write_wav


class Workers:
    """Workers of this process that take messages from a queue, as Celery's would from a broker."""

    def __init__(self, environment: Environment, count: int) -> None:
        self.messages: SimpleQueue[list[int] | None] = SimpleQueue()
        self.sent: list[list[int]] = []
        self.lose: Callable[[list[int]], bool] = lambda ids: False
        self._workers = [Worker(environment, load_files=FakePipeline) for _ in range(count)]
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in self._workers]
        for thread in self._threads:
            thread.start()

    def send(self, ids: list[int]) -> bool:
        self.sent.append(ids)
        if not self.lose(ids):
            self.messages.put(ids)
        return True

    def end(self) -> None:
        for _ in self._threads:
            self.messages.put(None)
        for thread in self._threads:
            thread.join()
        for one in self._workers:
            one.catalogue.close()

    def _run(self, worker: Worker) -> None:
        while (ids := self.messages.get()) is not None:
            worker.analyse_files(ids)


@pytest.fixture
def workers(catalogue: Catalogue, home: Path) -> Iterator[Workers]:
    is_postgresql = catalogue.engine.dialect.name == "postgresql"
    url = catalogue.engine.url.render_as_string(hide_password=False) if is_postgresql else None
    started = Workers(Environment(home=home, database_url=url), 2)
    yield started
    started.end()


def scan(catalogue: Catalogue, folder: Path, send: Callable[[list[int]], bool] | None) -> Summary:
    """A scan by workers, or without `send` by this process."""
    scans = Scans(catalogue)
    begun = scans.begin(Scan.of([folder]), "here")
    ScanFiles(catalogue).take_over(begun.id)
    run_files = partial(run_on_workers, ScanFiles(catalogue), send, begun.id) if send else None
    options = ScanOptions([folder], 1, DEFAULT_LIMITS, load_pipeline=FakePipeline, run_files=run_files)
    shown: list[tuple[int, int | None]] = []
    summary = fill_library(catalogue, options, lambda done, total, name: shown.append((done, total)))
    assert shown[-1] == (len(summary.seen), len(summary.seen))
    scans.finish(begun.id, "here", {}, 0)
    return summary


def library(catalogue: Catalogue) -> dict[Path | None, tuple[Any, ...]]:
    """Everything that is stored of each file, but the number of its row, the clock's time and how long stages took."""
    columns = [column.key for column in Track.__mapper__.column_attrs if column.key not in ("id", "failed_at")]
    found = {}
    with catalogue.session() as session:
        for track in session.scalars(select(Track).where(Track.path.is_not(None))):
            report, vectors, features = (
                session.get(table, track.id) for table in (TrackReport, TrackVectors, TrackFeatures)
            )
            found[track.path] = (
                {name: getattr(track, name) for name in columns},
                json.dumps({**report.report, "timings": None}, sort_keys=True) if report else None,
                (vectors.harmony, vectors.sound) if vectors else None,
                (features.chromagram, features.trunk_output) if features else None,
            )
    return found


@pytest.fixture
def music(music: Path) -> Path:
    """Also a bad file, a copy, and a name in a broken encoding."""
    (music / "disc 0/bad.wav").write_bytes(b"no sound")
    write_wav(music / "disc 1/copy.wav", seconds=0.02, hz=200)
    write_wav(music / "disc 1/\udcff.wav", seconds=0.02, hz=500)
    return music


def test_workers_write_what_this_machine_would(
    catalogue: Catalogue, workers: Workers, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "BATCH", 2)
    with threadpool_limits(1):  # as worker processes compute: sums split in one way have the same last digits
        summary = scan(catalogue, music, workers.send)
    assert (summary.added, summary.failed, len(workers.sent)) == (8, 1, 5)
    alone = open_catalogue(tmp_path / "alone")
    assert scan(alone, music, None).added == 8
    assert library(catalogue) == library(alone)
    alone.close()
    again = scan(catalogue, music, workers.send)
    assert (again.unchanged, again.known_failures, len(workers.sent)) == (8, 1, 5)
    with catalogue.session() as session:
        assert session.scalars(select(ScanFile.id)).all() == []


def test_lost_messages_are_sent_again(
    catalogue: Catalogue, workers: Workers, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "SILENT_SECONDS", 0.3)
    workers.lose = lambda ids: len(workers.sent) <= 2
    assert scan(catalogue, music, workers.send).added == 8
    assert len(workers.sent) == 3


def test_a_broker_that_is_away_delays_the_scan(
    catalogue: Catalogue, workers: Workers, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "SILENT_SECONDS", 0.3)
    refusals = iter([False, False])
    assert scan(catalogue, music, lambda ids: next(refusals, True) and workers.send(ids)).added == 8


def test_a_stopped_scan_leaves_nothing_waiting_and_goes_on_elsewhere(
    catalogue: Catalogue, workers: Workers, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "BATCH", 1)
    monkeypatch.setattr(folders, "WINDOW", 2)

    def stop_after_three(ids: list[int]) -> bool:
        if len(workers.sent) == 3:
            raise KeyboardInterrupt
        return workers.send(ids)

    with pytest.raises(KeyboardInterrupt):
        scan(catalogue, music, stop_after_three)
    with catalogue.session() as session:
        assert {row.state for row in session.scalars(select(ScanFile))} <= {"running", "done"}
    Scans(catalogue).end(1, "here", "stopped")
    summary = scan(catalogue, music, workers.send)
    assert summary.changed == 0
    ended = (summary.added, summary.unchanged, summary.copied, summary.failed, summary.known_failures)
    assert sum(ended) == 9
    assert len(library(catalogue)) == 9


def test_a_file_that_kills_its_workers_is_in_the_failure_log(
    catalogue: Catalogue, workers: Workers, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first batch is claimed by workers that die: nobody renews its lease."""
    monkeypatch.setattr(folders, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(folders, "BATCH", 1)
    monkeypatch.setattr("jobs.queue.leases.LEASE_SECONDS", 0.0)
    files = ScanFiles(catalogue)
    deadly: list[int] = []

    def send(ids: list[int]) -> bool:
        deadly.extend(ids if not deadly else [])
        if ids == deadly:
            (row,) = files.claim_rows(ids, "dying", charge=False)
            return files.charge(row.id, "dying")
        monkeypatch.setattr("jobs.queue.leases.LEASE_SECONDS", 15.0)
        sent = workers.send(ids)
        monkeypatch.setattr("jobs.queue.leases.LEASE_SECONDS", 0.0)
        return sent

    summary = scan(catalogue, music, send)
    assert summary.failed >= 1 and summary.added + summary.failed == 9
    assert "crashed" in {failure.code for failure in read_failures(catalogue)}
