"""The engine with real processes: each analysis ends once, whatever happens to worker, engine or file."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from environment import Environment
from jobs import engine as engine_module
from jobs.engine import Engine, sweep, upload_task
from jobs.local import ProcessPool
from jobs.queue.analyses import CHROMAGRAM, DONE, FAILED, QUEUED, RUNNING, Analyses, Analysis, Upload
from jobs.queue.ids import new_id
from jobs.upload_analysis import UploadTask, analyse_upload
from library.catalogue.database import open_catalogue
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.progress import ProgressCallback
from tests.fakes import SHA256, FakePipeline, write_wav


class Pipeline(FakePipeline):
    """The name of an upload says what happens to its worker."""

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        on_progress("decode")
        marker = source.parent / "met"
        if name == "crash" or (name == "once" and not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGSEGV)
        if name == "hang":
            time.sleep(60)
        if name == "slow":
            time.sleep(0.7)
        if name == "greedy":
            self.hoard = b"x" * 600_000_000
            time.sleep(5)


@pytest.fixture
def analyses(tmp_path: Path) -> Iterator[Analyses]:
    catalogue = open_catalogue(tmp_path / "var")
    yield Analyses(catalogue, tmp_path / "var")
    catalogue.close()


def add(analyses: Analyses, name: str, *, client: str = "me", sound: bytes | None = None) -> str:
    analysis_id = new_id()
    folder = analyses.folder(analysis_id)
    song = write_wav(folder / "song", seconds=0.05)
    if sound is not None:
        song.write_bytes(sound)
    upload = Upload(client, name, "song", "WAV", song.stat().st_size, new_id())
    analyses.add(analysis_id, upload, keep_seconds=60)
    return analysis_id


def get(analyses: Analyses, analysis_id: str) -> Analysis:
    found = analyses.get(analysis_id)
    assert found is not None
    return found


Run = Callable[..., Engine]


@pytest.fixture
def run(analyses: Analyses) -> Run:
    """Run an engine until `ended(engine)` is true, or for at most two minutes."""

    def until(
        ended: Callable[[Engine], bool], *, count: int = 1, grace_seconds: float = 5.0, **limits: float
    ) -> Engine:
        late = time.monotonic() + 120
        pipeline = partial(analyse_upload, limits=DEFAULT_LIMITS)
        with ProcessPool[UploadTask](count, Pipeline, pipeline, **limits) as pool:  # type: ignore[arg-type]
            engine = Engine(analyses, pool, SHA256, grace_seconds=grace_seconds)
            engine.run(lambda: ended(engine) or time.monotonic() > late)
        assert time.monotonic() < late
        return engine

    return until


def all_ended(analyses: Analyses) -> Callable[[Engine], bool]:
    return lambda _: analyses.count(QUEUED) + analyses.count(RUNNING) == 0


def test_uploads_are_analysed(analyses: Analyses, run: Run) -> None:
    songs = [add(analyses, f"song {number}.wav") for number in range(5)]
    run(all_ended(analyses), count=2)
    for number, one in enumerate(songs):
        analysis = get(analyses, one)
        assert (analysis.state, analysis.progress, analysis.tries) == (DONE, 1.0, 1)
        assert analysis.report is not None and analysis.report["title"] == f"song {number}.wav"
    assert analyses.last_beat() is not None


def test_a_bad_upload_fails_alone(analyses: Analyses, run: Run) -> None:
    kinds = {name: add(analyses, name) for name in ("crash", "hang", "greedy", "bad", "good")}
    (analyses.folder(kinds["bad"]) / "song").write_bytes(b"no sound")
    run(all_ended(analyses), count=2, wall_seconds=8, max_bytes=500_000_000)
    ends = {name: (get(analyses, one).state, get(analyses, one).failure_code) for name, one in kinds.items()}
    assert ends == {
        "crash": (FAILED, "crashed"),
        "hang": (FAILED, "stuck"),
        "greedy": (FAILED, "greedy"),
        "bad": (FAILED, "unreadable"),
        "good": (DONE, None),
    }
    assert get(analyses, kinds["crash"]).tries == 2 and get(analyses, kinds["bad"]).tries == 1


def test_a_second_try_can_succeed(analyses: Analyses, run: Run) -> None:
    one = add(analyses, "once")
    run(all_ended(analyses))
    assert (get(analyses, one).state, get(analyses, one).tries) == (DONE, 2)


def test_a_deleted_analysis_is_stopped(analyses: Analyses, run: Run) -> None:
    one, other = add(analyses, "hang"), add(analyses, "good")

    def ended(engine: Engine) -> bool:
        if analyses.get(one) is not None and get(analyses, one).stage == "decode":
            analyses.delete(one)
        return get(analyses, other).state == DONE

    run(ended)
    assert analyses.get(one) is None and not analyses.folder(one).exists()


def test_an_ending_engine_lets_an_analysis_finish(analyses: Analyses, run: Run) -> None:
    one = add(analyses, "slow")
    run(lambda _: get(analyses, one).state == RUNNING)
    assert get(analyses, one).state == DONE


def test_an_unfinished_analysis_is_queued_for_the_next_engine(analyses: Analyses, run: Run) -> None:
    one = add(analyses, "hang")
    run(lambda _: get(analyses, one).stage == "decode", grace_seconds=0.2)
    assert (get(analyses, one).state, get(analyses, one).tries) == (QUEUED, 0)


def test_the_analysis_of_a_dead_engine_is_done_by_another(
    analyses: Analyses, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = add(analyses, "song.wav")
    monkeypatch.setattr("jobs.queue.leases.LEASE_SECONDS", -1.0)
    assert analyses.claim("an engine that was killed") is not None
    monkeypatch.undo()
    run(all_ended(analyses))
    assert get(analyses, one).state == DONE


def test_a_claimed_but_lost_analysis_is_queued_again(
    analyses: Analyses, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "RENEW_SECONDS", 0.1)
    one = add(analyses, "song.wav")

    def ended(engine: Engine) -> bool:
        if get(analyses, one).state == QUEUED and get(analyses, one).tries == 0 and not seen:
            analyses.claim(engine.name)  # and the database failed before the pool had the task
            seen.append(one)
        return get(analyses, one).state == DONE

    seen: list[str] = []
    run(ended)
    assert (get(analyses, one).state, seen) == (DONE, [one])


def test_the_same_file_is_analysed_once(analyses: Analyses, run: Run) -> None:
    first = add(analyses, "song.wav")
    run(all_ended(analyses))
    (analyses.folder(first) / CHROMAGRAM).write_bytes(b"a picture")
    second = new_id()
    analyses.folder(second).mkdir()
    twin = get(analyses, first)
    upload = Upload("you", twin.name, "song", "WAV", twin.size, twin.content)
    analyses.add(second, upload, keep_seconds=60)  # its sound is not even there
    run(all_ended(analyses))
    assert get(analyses, second).report == twin.report
    assert (analyses.folder(second) / CHROMAGRAM).read_bytes() == b"a picture"


def test_a_locked_database_stops_nothing(analyses: Analyses, run: Run, tmp_path: Path) -> None:
    import sqlite3

    one = add(analyses, "slow")
    other = sqlite3.connect(tmp_path / "var" / "library.db", check_same_thread=False, isolation_level=None)

    def lock() -> None:
        while get(analyses, one).stage != "decode":
            time.sleep(0.02)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(1.5)
        other.execute("COMMIT")

    thread = threading.Thread(target=lock)
    thread.start()
    run(all_ended(analyses))
    thread.join()
    other.close()
    assert get(analyses, one).state == DONE


def test_the_sweep_deletes_expired_and_orphaned_files(analyses: Analyses) -> None:
    kept, past = add(analyses, "kept"), new_id()
    analyses.folder(past).mkdir()
    analyses.add(past, Upload("me", "past", "song", "WAV", 1, "0"), keep_seconds=-1)
    orphan = analyses.folder(new_id())
    orphan.mkdir()
    analyses.incoming.mkdir()
    (analyses.incoming / "new").touch()
    (analyses.incoming / "old").touch()
    for path in (orphan, analyses.incoming / "old"):
        os.utime(path, (0, 0))
    sweep(analyses)
    assert analyses.get(past) is None and not analyses.folder(past).exists()
    assert analyses.folder(kept).exists() and not orphan.exists()
    assert [path.name for path in analyses.incoming.iterdir()] == ["new"]


@pytest.mark.data
def test_a_real_upload_has_its_pictures(analyses: Analyses, shared: Path, tmp_path: Path) -> None:
    """With the real model and the reference library."""
    clip = shared / "gtzan/clips/blues/blues.00000.flac"
    one = add(analyses, "blues.flac", sound=clip.read_bytes())
    late = time.monotonic() + 120
    environment = Environment(home=tmp_path / "var", workers=1)
    engine_module.work(environment, lambda: get(analyses, one).state in (DONE, FAILED) or time.monotonic() > late)
    analysis = get(analyses, one)
    assert analysis.report is not None and analysis.report["genre"]["top"] == "blues"
    assert len(analysis.report["neighbours"]["harmony"]) == 3
    folder = upload_task(analyses, analysis).folder
    assert len(json.loads((folder / "peaks.json").read_text())) == 800
    assert (folder / "spectrogram.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / CHROMAGRAM).stat().st_size < 20_000
