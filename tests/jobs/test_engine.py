"""The engine with real processes: each analysis ends once, whatever happens to worker, engine or file."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from environment import Environment
from jobs import engine as engine_module
from jobs import storage
from jobs.engine import Engine
from jobs.local import ProcessPool
from jobs.queue.analyses import CHROMAGRAM, DONE, FAILED, QUEUED, RUNNING, Analyses, Analysis, Upload
from jobs.queue.feedback import TRUNK_OUTPUT_FILE
from jobs.queue.ids import new_id
from jobs.upload_analysis import UploadTask, analyse_upload
from library.catalogue.database import open_catalogue
from ml.audio.settings import DEFAULT_LIMITS
from ml.pipeline import SongAnalysis
from ml.report.errors import DeniedError, FolderError, NotAFileError, NotFoundError
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
    folder = analyses.files.folder(analysis_id)
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
        ended: Callable[[Engine], bool],
        *,
        count: int = 1,
        grace_seconds: float = 5.0,
        lyrics: bool = False,
        **limits: float,
    ) -> Engine:
        late = time.monotonic() + 120
        pipeline = partial(analyse_upload, limits=DEFAULT_LIMITS)
        with ProcessPool[UploadTask](count, Pipeline, pipeline, **limits) as pool:  # type: ignore[arg-type]
            engine = Engine(analyses, pool, SHA256, lyrics=lyrics, grace_seconds=grace_seconds)
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
    (analyses.files.folder(kinds["bad"]) / "song").write_bytes(b"no sound")
    run(all_ended(analyses), count=2, wall_seconds=8, max_bytes=500_000_000)
    ends = {name: (get(analyses, one).state, get(analyses, one).failure_code) for name, one in kinds.items()}
    assert ends == {
        "crash": (FAILED, "crashed"),
        "hang": (FAILED, "stuck"),
        "greedy": (FAILED, "greedy"),
        "bad": (FAILED, "unreadable"),
        "good": (DONE, None),
    }
    assert get(analyses, kinds["crash"]).tries == 3 and get(analyses, kinds["bad"]).tries == 1


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
    assert analyses.get(one) is None and not analyses.files.folder(one).exists()


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
    (analyses.files.folder(first) / CHROMAGRAM).write_bytes(b"a picture")
    second = new_id()
    analyses.files.folder(second).mkdir()
    twin = get(analyses, first)
    upload = Upload("you", twin.name, "song", "WAV", twin.size, twin.content)
    analyses.add(second, upload, keep_seconds=60)  # its sound is not even there
    run(all_ended(analyses))
    assert get(analyses, second).report == twin.report
    assert (analyses.files.folder(second) / CHROMAGRAM).read_bytes() == b"a picture"


def test_a_report_without_words_is_not_used_once_lyrics_are_on(analyses: Analyses, run: Run) -> None:
    first = add(analyses, "song.wav")
    run(all_ended(analyses))
    twin = get(analyses, first)
    second = new_id()
    write_wav(analyses.files.folder(second) / "song", seconds=0.1)
    analyses.add(second, Upload("you", twin.name, "song", "WAV", twin.size, twin.content), keep_seconds=60)
    run(all_ended(analyses), lyrics=True)
    report = get(analyses, second).report
    assert twin.report is not None and report is not None
    assert (twin.report["duration_seconds"], report["duration_seconds"]) == (0.05, 0.1)


class SlowWords(FakePipeline):
    """Reads words in steps of which each ends within the time limit of a song, but not all together."""

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        for step in range(1, 9):
            on_progress("lyrics", step / 8)
            time.sleep(0.5)


def test_a_long_stage_that_advances_is_not_stopped(analyses: Analyses) -> None:
    """Its progress is shown meanwhile."""
    one, late, seen = add(analyses, "song.wav"), time.monotonic() + 120, set[float]()

    def ended() -> bool:
        seen.add(get(analyses, one).progress)
        return get(analyses, one).state in (DONE, FAILED) or time.monotonic() > late

    work = partial(analyse_upload, limits=DEFAULT_LIMITS)
    with ProcessPool[UploadTask](1, SlowWords, work, wall_seconds=3.0) as pool:
        Engine(analyses, pool, SHA256, lyrics=True).run(ended)
    assert get(analyses, one).state == DONE
    assert len({progress for progress in seen if 0.1 < progress <= 0.95}) >= 2


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


class FullPipeline(Pipeline):
    """Fails as on a full disk, with the error whose number is the song's name, the first four times."""

    def run(self, source: Path, **options: Any) -> SongAnalysis:
        with (source.parent / "runs").open("a") as runs:
            runs.write("x")
            number = int(options["name"])
            if runs.tell() <= 4:
                raise OSError(number, os.strerror(number), str(source))
        return super().run(source, **options)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["space", "quota"])
def test_a_song_waits_for_room(analyses: Analyses, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it was tried before there was room, no try is counted."""
    monkeypatch.setattr(storage, "CHECK_SECONDS", 0.1)
    one, late = add(analyses, str(number)), time.monotonic() + 120
    with ProcessPool[UploadTask](1, FullPipeline, partial(analyse_upload, limits=DEFAULT_LIMITS)) as pool:
        Engine(analyses, pool, SHA256).run(
            lambda: get(analyses, one).state in (DONE, FAILED) or time.monotonic() > late
        )
    found = get(analyses, one)
    assert (found.state, found.tries, found.failure_code) == (DONE, 1, None)
    assert (analyses.files.folder(one) / "runs").read_text() == "x" * 5


def test_nothing_is_claimed_without_room(
    analyses: Analyses, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so once, and once more when songs are analysed again."""
    one, states = add(analyses, "song.wav"), []
    monkeypatch.setattr(storage, "CHECK_SECONDS", 0.1)

    def has_room(home: Path) -> bool:
        states.append(get(analyses, one).state)
        return len(states) > 5

    monkeypatch.setattr(storage, "has_room", has_room)
    run(all_ended(analyses))
    assert states[:6] == [QUEUED] * 6 and get(analyses, one).state == DONE
    said = [record.message for record in caplog.records if record.name == storage.__name__]
    assert said == [storage.WAITS, storage.GOES_ON]


def test_a_song_whose_own_folder_cannot_be_written_fails_alone(analyses: Analyses, run: Run) -> None:
    """Waiting would not help it, and the others must not wait with it."""
    one, other = add(analyses, "song.wav"), add(analyses, "other.wav")
    (analyses.files.folder(one) / TRUNK_OUTPUT_FILE).mkdir()
    run(all_ended(analyses))
    assert (get(analyses, one).state, get(analyses, one).failure_code) == (FAILED, "not_stored")
    assert get(analyses, other).state == DONE


class FaultyPipeline(Pipeline):
    """Fails with an error that names the file, as the name of the song says."""

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        super().begin(source, name, on_progress)
        errors = {
            "bug": ValueError(f"cannot read {source}"),
            "system": PermissionError(13, "Permission denied", str(source)),
            "gone": NotFoundError(path=str(source)),
            "denied": DeniedError(path=str(source)),
            "device": NotAFileError(path=str(source)),
            "folder": FolderError(path=str(source)),
        }
        raise errors[name or ""]


def test_no_error_for_visitors_names_a_path(analyses: Analyses) -> None:
    songs = {name: add(analyses, name) for name in ("bug", "system", "gone", "denied", "device", "folder")}
    late = time.monotonic() + 120
    with ProcessPool[UploadTask](1, FaultyPipeline, partial(analyse_upload, limits=DEFAULT_LIMITS)) as pool:
        engine = Engine(analyses, pool, SHA256)
        engine.run(lambda: all_ended(analyses)(engine) or time.monotonic() > late)
    found = {name: get(analyses, one) for name, one in songs.items()}
    assert {name: one.failure_code for name, one in found.items()} == {
        **{"bug": "internal", "system": "internal", "gone": "not_found"},
        **{"denied": "denied", "device": "not_a_file", "folder": "folder"},
    }
    for name, one in found.items():
        assert one.failure is not None and "/" not in one.failure["sentence"].format(**one.failure["facts"]), name
    gone = found["gone"].failure
    assert gone is not None and gone["facts"] == {"path": "gone"}


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
    folder = analyses.files.folder(one)
    assert len(json.loads((folder / "peaks.json").read_text())) == 800
    assert (folder / "spectrogram.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / CHROMAGRAM).stat().st_size < 20_000
