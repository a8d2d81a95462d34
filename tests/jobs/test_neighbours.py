"""A pipeline with a library names neighbours; one whose library cannot be opened works without."""

from __future__ import annotations

from pathlib import Path

import pytest

import preprocess
from jobs.neighbours import PipelineWithNeighbours, load_with_neighbours
from library.search import current
from ml.audio.settings import DEFAULT_LIMITS
from tests.fakes import FakePipeline, write_wav


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A library of five songs."""
    for number in range(5):
        write_wav(tmp_path / f"music/{number}.wav", seconds=0.02, hz=100 + 30 * number)
    home = tmp_path / "var"
    arguments = [str(tmp_path / "music"), "--jobs", "1"]
    assert preprocess.run(arguments, variables={"SORI_HOME": str(home)}, load_pipeline=FakePipeline) == 0
    return home


def test_a_report_names_three_neighbours_of_each_kind(home: Path, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "new.wav", seconds=0.03, hz=333)
    report = load_with_neighbours(FakePipeline, home).run(song, limits=DEFAULT_LIMITS).report
    assert report.title == "new"
    for found in (report.neighbours.harmony, report.neighbours.sound):
        assert len({neighbour.track_id for neighbour in found}) == 3
        assert sorted(neighbour.distance for neighbour in found) == [one.distance for one in found]


def test_a_song_of_the_library_is_not_its_own_neighbour(home: Path, tmp_path: Path) -> None:
    song = tmp_path / "music/0.wav"
    report = load_with_neighbours(FakePipeline, home).run(song, limits=DEFAULT_LIMITS).report
    assert "0" not in {neighbour.title for neighbour in report.neighbours.sound}


def test_without_a_library_the_pipeline_works_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    pipeline = FakePipeline()
    assert load_with_neighbours(lambda: pipeline, tmp_path / "file" / "var") is pipeline
    assert isinstance(load_with_neighbours(FakePipeline, tmp_path / "var"), PipelineWithNeighbours)


def test_tracks_added_meanwhile_are_found(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(current, "PAUSE_FACTOR", 0.0)
    pipeline = load_with_neighbours(FakePipeline, home)
    assert isinstance(pipeline, PipelineWithNeighbours)
    for number in range(5, 12):
        write_wav(tmp_path / f"music/{number}.wav", seconds=0.02, hz=100 + 30 * number)
    arguments = [str(tmp_path / "music"), "--jobs", "1"]
    assert preprocess.run(arguments, variables={"SORI_HOME": str(home)}, load_pipeline=FakePipeline) == 0
    song = write_wav(tmp_path / "new.wav", seconds=0.03, hz=333)
    pipeline.run(song, limits=DEFAULT_LIMITS)  # notices
    pipeline.library.wait()
    found = pipeline.library.newest(timeout=60)
    assert found is not None and len(found) == 569 + 12
