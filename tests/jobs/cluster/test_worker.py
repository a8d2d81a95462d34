"""A worker process without Celery around it: each song and each file ends exactly once, on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from environment import Environment
from jobs.cluster import lease_keeper, persistence, worker
from jobs.cluster.persistence import persist
from jobs.cluster.worker import Worker
from jobs.queue.analyses import DONE, FAILED, QUEUED, RUNNING, Analyses, Analysis, Upload
from jobs.queue.ids import new_id
from jobs.queue.scan_files import ScanFile, ScanFiles
from jobs.queue.scans import Scan, Scans
from library.catalogue.database import Catalogue
from library.catalogue.tables import Track
from library.collection.files import File, walk
from ml.pipeline import SongAnalysis
from ml.report.progress import ProgressCallback, ignore_progress
from tests.fakes import FakePipeline, write_wav


class SlowPipeline(FakePipeline):
    """Waits in the middle of a song until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def run(self, source: Path, *, on_progress: ProgressCallback = ignore_progress, **options: object) -> SongAnalysis:
        self.begun.set()
        until = time.monotonic() + 60
        while not self.may_go_on.wait(0.02):
            assert time.monotonic() < until
            on_progress("decode")
        on_progress("trunk")
        return super().run(source, on_progress=on_progress, **options)  # type: ignore[arg-type]


@pytest.fixture
def environment(request: pytest.FixtureRequest, catalogue: Catalogue, home: Path) -> Environment:
    url = (
        catalogue.engine.url.render_as_string(hide_password=False)
        if "postgresql" in str(catalogue.engine.url)
        else None
    )
    return Environment(home=home, database_url=url)


NewWorker = Callable[..., Worker]


@pytest.fixture
def new_worker(environment: Environment) -> Iterator[NewWorker]:
    workers: list[Worker] = []

    def new(load: Callable[[], FakePipeline] = FakePipeline) -> Worker:
        workers.append(Worker(environment, load_uploads=load, load_files=load))
        return workers[-1]

    yield new
    for one in workers:
        one.catalogue.close()


@pytest.fixture
def analyses(catalogue: Catalogue, home: Path) -> Analyses:
    return Analyses(catalogue, home)


def add(analyses: Analyses, name: str = "song.wav", *, content: str | None = None, hz: float = 440.0) -> str:
    analysis_id = new_id()
    song = write_wav(analyses.files.folder(analysis_id) / "song", seconds=0.05, hz=hz)
    upload = Upload("me", name, "song", "WAV", song.stat().st_size, content or analysis_id)
    analyses.add(analysis_id, upload, keep_seconds=60)
    return analysis_id


def get(analyses: Analyses, analysis_id: str) -> Analysis:
    found = analyses.get(analysis_id)
    assert found is not None
    return found


def run_out(analyses: Analyses) -> None:
    with analyses.catalogue.transaction() as session:
        session.execute(update(Analysis).values(leased_until=datetime.now(UTC) - timedelta(seconds=1)))


def test_each_message_analyses_the_upload_whose_turn_it_is(analyses: Analyses, new_worker: NewWorker) -> None:
    ids = [add(analyses, f"{number}.wav") for number in range(3)]
    bad = add(analyses, "bad.wav")
    (analyses.files.folder(bad) / "song").write_bytes(b"no sound")
    one = new_worker()
    assert [one.analyse_next_upload() for _ in range(5)] == [True] * 4 + [False]
    assert [get(analyses, each).state for each in (*ids, bad)] == [DONE] * 3 + [FAILED]
    assert get(analyses, bad).failure_code == "unreadable" and get(analyses, ids[0]).tries == 1
    assert (analyses.files.folder(ids[0]) / "peaks.json").exists() or get(analyses, ids[0]).report is not None


def test_the_same_bytes_use_the_report_that_is_there(analyses: Analyses, new_worker: NewWorker) -> None:
    add(analyses, content="a" * 64)
    twin = add(analyses, content="a" * 64)
    pipelines: list[FakePipeline] = []

    def load() -> FakePipeline:
        pipelines.append(FakePipeline())
        return pipelines[-1]

    one = new_worker(load)
    assert one.analyse_next_upload() and not one.analyse_next_upload()
    assert get(analyses, twin).state == DONE and len(pipelines[0].analysed) == 1


def test_what_a_paused_worker_writes_too_late_is_refused(analyses: Analyses, new_worker: NewWorker) -> None:
    one = add(analyses)
    slow = SlowPipeline()
    paused = new_worker(lambda: slow)
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(paused.analyse_next_upload)
        assert slow.begun.wait(30)
        run_out(analyses)
        assert analyses.reclaim() == 1
        assert new_worker().analyse_next_upload()
        first = get(analyses, one)
        slow.may_go_on.set()
        assert late.result(60)
    again = get(analyses, one)
    assert (again.state, again.finished_at, again.report) == (DONE, first.finished_at, first.report)


def test_a_deleted_upload_is_given_up_in_the_middle(
    analyses: Analyses, new_worker: NewWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_keeper, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(lease_keeper, "RENEW_SECONDS", 0.02)
    one = add(analyses)
    slow = SlowPipeline()
    busy = new_worker(lambda: slow)
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(busy.analyse_next_upload)
        assert slow.begun.wait(30)
        assert analyses.delete(one)
        assert working.result(90)  # it never may go on: the next stage finds that the row is gone
    assert slow.analysed == [] and analyses.get(one) is None and not analyses.files.folder(one).exists()


def test_progress_and_the_lease_are_written_meanwhile(
    analyses: Analyses, new_worker: NewWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_keeper, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(lease_keeper, "RENEW_SECONDS", 0.02)
    one = add(analyses)
    slow = SlowPipeline()
    busy = new_worker(lambda: slow)
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(busy.analyse_next_upload)
        assert slow.begun.wait(30)
        lease = get(analyses, one).leased_until
        until = time.monotonic() + 30
        while time.monotonic() < until and not (
            get(analyses, one).stage == "decode" and get(analyses, one).leased_until != lease
        ):
            time.sleep(0.02)
        found = get(analyses, one)
        slow.may_go_on.set()
        assert working.result(60)
    assert (found.state, found.stage) == (RUNNING, "decode") and found.leased_until != lease


def scan_of(catalogue: Catalogue, music: Path) -> tuple[ScanFiles, int, list[int]]:
    """The files of a folder as rows of a scan that is running."""
    scan = Scans(catalogue).begin(Scan.of([music]), "here")
    files = ScanFiles(catalogue)
    files.add(scan.id, [file for file in walk([music]) if isinstance(file, File)])
    return files, scan.id, files.take_unsent(scan.id, 100)


def test_a_message_that_comes_five_times_changes_nothing(
    catalogue: Catalogue, music: Path, new_worker: NewWorker
) -> None:
    (music / "disc 0/bad.wav").write_bytes(b"no sound")
    files, scan_id, ids = scan_of(catalogue, music)
    assert len(ids) == 7
    workers = [new_worker() for _ in range(5)]
    for one in workers:
        assert one.catalogue and one.files_pipeline
    with ThreadPoolExecutor(5) as threads:
        counts = list(threads.map(lambda one: one.analyse_files(ids), workers))
    assert sum(counts) == 7
    ended = files.collect(scan_id)
    assert sorted(one.outcome or "" for one in ended) == ["added"] * 6 + ["failed"]
    assert files.collect(scan_id) == [] and files.count_left(scan_id) == (0, 0)
    with catalogue.session() as session:
        assert session.scalar(select(func.count()).select_from(Track).where(Track.path.is_not(None))) == 7


def test_a_batch_that_takes_long_is_handed_back_uncharged(
    catalogue: Catalogue, music: Path, new_worker: NewWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BATCH_SECONDS", 0.0)
    files, scan_id, ids = scan_of(catalogue, music)
    assert new_worker().analyse_files(ids) == 0
    assert files.count_left(scan_id) == (6, 0)
    assert sorted(files.take_unsent(scan_id, 100)) == sorted(ids)
    with catalogue.session() as session:
        assert {(row.state, row.tries) for row in session.scalars(select(ScanFile))} == {(QUEUED, 0)}


def test_a_machine_without_the_folder_leaves_the_files_to_others(
    catalogue: Catalogue,
    music: Path,
    new_worker: NewWorker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(worker, "AWAY_SECONDS", 0.0)
    files, scan_id, ids = scan_of(catalogue, music)
    music.rename(music.parent / "elsewhere")
    assert new_worker().analyse_files(ids) == 0
    assert files.count_left(scan_id) == (6, 0) and "SORI_PATH_MAP" in caplog.text
    (music.parent / "elsewhere").rename(music)
    assert new_worker().analyse_files(ids) == 6


def test_a_step_is_repeated_until_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "RETRY_SECONDS", 0.0)
    answers = iter([OperationalError("", {}, Exception("away")), OperationalError("", {}, Exception("away")), None])

    def step() -> str:
        if error := next(answers):
            raise error
        return "written"

    assert persist(step) == "written"


def test_a_full_disk_lets_songs_wait(
    analyses: Analyses, new_worker: NewWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = add(analyses)
    monkeypatch.setattr("jobs.storage.has_room", lambda home: False)
    assert not new_worker().analyse_next_upload()
    assert get(analyses, one).state == QUEUED
