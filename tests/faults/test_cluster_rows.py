"""What faults on many machines have found, one by one: rows that a dead, paused or interrupted process leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from environment import Environment
from jobs.cluster import lease_keeper
from jobs.cluster.folders import run_on_workers
from jobs.cluster.worker import Worker
from jobs.folder_scan import ScanOptions, versions
from jobs.queue.analyses import DONE, QUEUED, RUNNING, Analyses, Analysis, Upload
from jobs.queue.ids import new_id
from jobs.queue.scan_files import ScanFile, ScanFiles
from jobs.queue.scans import Scan, Scans
from jobs.scan_runner import ScanRunner
from jobs.upload_results import UploadResults
from library.catalogue.database import Catalogue, open_catalogue
from library.collection.files import File
from library.collection.scan import FolderScan
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.progress import ProgressCallback
from tests.fakes import FakePipeline
from tests.hostile.false_headers import wav


class SlowPipeline(FakePipeline):
    """A song named `slow` takes longer than a lease is renewed in these tests."""

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        on_progress("decode")
        time.sleep(0.6 if name == "slow" else 0.0)


@pytest.fixture
def opened(postgresql: str, home: Path) -> Iterator[Catalogue]:
    catalogue = open_catalogue(home, postgresql)
    yield catalogue
    catalogue.close()


def add(analyses: Analyses, name: str = "song", *, content: str | None = None) -> str:
    analysis_id = new_id()
    analyses.files.folder(analysis_id).mkdir(parents=True)
    (analyses.files.folder(analysis_id) / "song").write_bytes(wav())
    analyses.add(analysis_id, Upload("me", name, "song", "WAV", 1, content or analysis_id), keep_seconds=None)
    return analysis_id


def end_lease(analyses: Analyses, *ids: str) -> None:
    analyses.update(Analysis.id.in_(ids), leased_until=datetime.now(UTC) - timedelta(seconds=1))


def leased_until(analyses: Analyses, analysis_id: str) -> datetime:
    found = analyses.get(analysis_id)
    assert found is not None and found.leased_until is not None
    return found.leased_until


def test_what_an_earlier_message_left_is_not_renewed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time limit that strikes while a result is written leaves the row to its lease, however busy the process is."""
    monkeypatch.setattr(lease_keeper, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(lease_keeper, "RENEW_SECONDS", 0.1)
    worker = Worker(Environment(home=home), load_uploads=SlowPipeline)
    analyses, write = Analyses(worker.catalogue, home), UploadResults.write
    left = add(analyses)

    def interrupted(*_: Any, **__: Any) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(UploadResults, "write", interrupted)
    with pytest.raises(SoftTimeLimitExceeded):
        worker.analyse_next_upload()
    monkeypatch.setattr(UploadResults, "write", write)
    before = leased_until(analyses, left)
    other = add(analyses, "slow")
    assert worker.analyse_next_upload()
    assert [one.state for one in (analyses.get(left), analyses.get(other)) if one] == [RUNNING, DONE]
    assert leased_until(analyses, left) == before
    worker.catalogue.close()


def test_a_twin_is_done_with_the_first(home: Path) -> None:
    """It had its message while the first was running, which found nothing to do."""
    worker = Worker(Environment(home=home), load_uploads=SlowPipeline)
    analyses = Analyses(worker.catalogue, home)
    ids = [add(analyses, "slow", content="the same") for _ in range(3)]
    other = add(analyses, "slow")
    first = threading.Thread(target=worker.analyse_next_upload)
    first.start()
    while analyses.count(RUNNING) == 0:
        time.sleep(0.01)
    assert [one.id for one in analyses.claim_rows(ids[1:], "another worker")] == []
    first.join()
    assert [one.state for one in map(analyses.get, ids) if one] == [DONE, DONE, DONE]
    found = analyses.get(other)
    assert found is not None and found.state == QUEUED
    worker.catalogue.close()


def test_a_locked_row_does_not_keep_the_others_waiting(opened: Catalogue, home: Path) -> None:
    """As where a process was paused while it wrote one."""
    analyses = Analyses(opened, home)
    ids = [add(analyses) for _ in range(2)]
    for _ in ids:
        analyses.claim("dead")
    end_lease(analyses, *ids)
    with opened.session() as paused:
        assert paused.get(Analysis, ids[0], with_for_update=True) is not None
        assert analyses.reclaim() == 1
        states = [one.state for one in map(analyses.get, ids) if one]
    assert states == [RUNNING, QUEUED]
    assert analyses.reclaim() == 1


def test_the_scan_of_a_dead_machine_is_run_again(catalogue: Catalogue, tmp_path: Path) -> None:
    """Without anybody who looks at a page."""
    scans = Scans(catalogue)
    scans.add(Scan.of([tmp_path]))
    scan = scans.claim(scans.waiting()[0].id, "dead")
    assert scan is not None
    scans.update(Scan.id == scan.id, leased_until=datetime.now(UTC) - timedelta(seconds=1))
    runner = ScanRunner(scans, int)
    runner.look_after("alive")
    latest = scans.latest()
    assert latest is not None and (latest.state, latest.engine) == (RUNNING, "alive")
    runner.end("alive")


def test_an_interrupted_scan_counts_only_its_own_files(catalogue: Catalogue, music: Path) -> None:
    """Rows that its first process had sent, and that ended since, do not end the second early."""
    paths = sorted(music.rglob("*.wav"))
    found = [File.of(path, path.stat()) for path in paths]
    files, scans = ScanFiles(catalogue), Scans(catalogue)
    scan = scans.begin(Scan.of([music]), "here")
    files.add(scan.id, found[:3])
    for row in files.claim_rows(files.take_unsent(scan.id, 3), "worker"):
        files.finish(row.id, "worker", lambda _: "added")
    keeper = FolderScan(
        catalogue, versions(ScanOptions([music], jobs=1, limits=DEFAULT_LIMITS)), reclassify=lambda report, _: report
    )

    def work(ids: list[int]) -> bool:
        """Slower than the scan looks for what has ended."""

        def finish() -> None:
            for row in files.claim_rows(ids, "worker"):
                time.sleep(0.1)
                files.finish(row.id, "worker", lambda _: "added")

        threading.Thread(target=finish).start()
        return True

    assert sorted(run_on_workers(files, work, scan.id, keeper, found[3:])) == paths[3:]
    assert keeper.summary.analysed == 3
    with catalogue.session() as session:
        assert session.query(ScanFile).count() == 0
