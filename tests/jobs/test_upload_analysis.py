"""The analysis of an upload whose files are in a storage, by the engine and its worker processes."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from jobs import storage
from jobs.engine import Engine
from jobs.local import ProcessPool
from jobs.queue.analyses import DONE, FAILED, Analyses, Upload
from jobs.queue.feedback import TRUNK_OUTPUT_FILE
from jobs.queue.ids import new_id
from jobs.queue.song_files.opening import open_song_files
from jobs.upload_analysis import UploadTask, analyse_upload
from library.catalogue.database import open_catalogue
from ml.audio.settings import DEFAULT_LIMITS
from tests.fakes import SHA256, FakePipeline, write_wav
from tests.s3 import BUCKET, S3Server

PATIENCE_SECONDS = 120.0


def test_a_song_waits_for_its_storage(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """That the storage fails costs the song no try. A song with the same bytes gets its results there."""
    monkeypatch.setattr(storage, "CHECK_SECONDS", 0.1)
    home, late = tmp_path / "home", time.monotonic() + PATIENCE_SECONDS
    catalogue = open_catalogue(home)
    analyses = Analyses(catalogue, home, open_song_files(catalogue, home, f"s3://{BUCKET}", 10))

    def add() -> str:
        one = new_id()
        analyses.files.store(one, "song", write_wav(tmp_path / "song.wav", seconds=0.05))
        analyses.add(one, Upload("me", "song.wav", "song", "WAV", 1, "0" * 64), keep_seconds=None)
        return one

    with (
        ExitStack() as failing,
        ProcessPool[UploadTask](1, FakePipeline, partial(analyse_upload, limits=DEFAULT_LIMITS)) as pool,
    ):

        def has_ended(one: str) -> bool:
            if storage.WAITS in caplog.messages:
                failing.close()
            return analyses.read_states({one})[one].state in (DONE, FAILED) or time.monotonic() > late

        first = add()
        failing.enter_context(s3.failing())
        Engine(analyses, pool, SHA256).run(lambda: has_ended(first))
        second = add()
        Engine(analyses, pool, SHA256).run(lambda: has_ended(second))
    found = analyses.read_states({first, second})
    assert [(found[one].state, found[one].tries) for one in (first, second)] == [(DONE, 1)] * 2
    assert caplog.messages.count(storage.WAITS) == 1 and storage.GOES_ON in caplog.messages
    for one in (first, second):
        assert analyses.files.names(one) == {"song", TRUNK_OUTPUT_FILE}
    assert [path.name for path in (home / "cache").iterdir() if path.name[0] != "."] == [first]
    catalogue.close()
