"""The pieces to try: music to the ear that will hear them, and written whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.examples import EXAMPLES, FOLDER_NAME, RATE, SECONDS, make
from ml.audio.loading import load
from ml.pipeline import load as load_ear


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    make(folder)
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_song(home: Path, name: str) -> None:
    audio = load(home / FOLDER_NAME / f"{name}.flac")
    assert audio.duration_seconds == pytest.approx(SECONDS, abs=0.1)
    assert 0.5 < float(abs(audio.samples).max()) < 1.0


def test_nothing_half_written_is_left(home: Path) -> None:
    assert {path.name for path in (home / FOLDER_NAME).iterdir()} == {f"{name}.flac" for name in EXAMPLES}
    assert RATE == 22_050


def test_the_ear_takes_them_for_music_in_time(home: Path) -> None:
    """The tempi that they were written in, or twice or half of them."""
    with load_ear() as pipeline:
        for name, bpm in (("waltz", 138), ("march", 122), ("night", 72)):
            report = pipeline.analyse(home / FOLDER_NAME / f"{name}.flac")
            assert report.tempo is not None and report.key is not None
            heard = [report.tempo.bpm, *report.tempo.alternatives]
            assert any(abs(one / bpm - 1) < 0.04 for one in heard), (name, heard)
