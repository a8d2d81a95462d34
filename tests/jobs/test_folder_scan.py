"""What tests of the command line cannot bring about: a full disk, a file that changes during its analysis."""

from __future__ import annotations

from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from jobs.folder_scan import ChangingError, ScanOptions, analyse_file, fill_library
from library.catalogue.database import Catalogue, DiskFullError, open_catalogue
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors
from library.collection.files import File
from ml.audio.settings import DEFAULT_LIMITS
from ml.lyrics.settings import LyricsSettings
from ml.report.progress import ProgressCallback
from ml.report.schema import Model
from tests.fakes import FakePipeline, write_wav


def fill(catalogue: Catalogue, music: Path) -> None:
    options = ScanOptions([music], jobs=1, limits=DEFAULT_LIMITS, load_pipeline=FakePipeline)
    fill_library(catalogue, options, lambda done, total, name: None)


def count_own(catalogue: Catalogue) -> int:
    with catalogue.session() as session:
        own = select(func.count(TrackVectors.track_id)).join(Track).where(Track.path.is_not(None))
        return session.scalar(own) or 0


def test_a_full_disk_loses_no_finished_file(tmp_path: Path) -> None:
    home, music = tmp_path / "var", tmp_path / "music"
    for number in range(30):
        write_wav(music / f"{number:02}.wav", seconds=0.02, hz=100 + 10 * number)
    (tmp_path / "empty").mkdir()
    catalogue = open_catalogue(home)
    fill(catalogue, tmp_path / "empty")
    catalogue.close()

    def run_full(connection: object, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        connection.execute(f"PRAGMA max_page_count = {pages + 12}")  # type: ignore[attr-defined]

    event.listen(catalogue.engine, "connect", run_full)
    with pytest.raises(DiskFullError):
        fill(catalogue, music)
    assert 0 < count_own(catalogue) < 30
    event.remove(catalogue.engine, "connect", run_full)
    catalogue.close()
    fill(catalogue, music)
    assert count_own(catalogue) == 30
    catalogue.close()


class NoAnalysis(FakePipeline):
    """Can reclassify a track, and must not analyse a file."""

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        raise AssertionError(f"{source} is analysed")


def test_a_new_head_reclassifies_without_a_new_analysis(tmp_path: Path) -> None:
    write_wav(tmp_path / "music" / "song.wav", seconds=0.02)
    catalogue = open_catalogue(tmp_path / "var")
    fill(catalogue, tmp_path / "music")
    with catalogue.session() as session:
        track = session.scalars(select(Track).where(Track.path.is_not(None))).one()
        stored, now = session.get_one(TrackReport, track.id), track.vectors_version
        assert track.genre == "reggae"
        stored.report = stored.report | {"model": asdict(Model("genre", "0", "1" * 64))}
        track.vectors_version = "before"
        session.commit()
    options = ScanOptions([tmp_path / "music"], jobs=1, limits=DEFAULT_LIMITS, load_pipeline=NoAnalysis)
    summary = fill_library(catalogue, options, lambda done, total, name: None)
    assert (summary.updated, summary.analysed, summary.failed) == (1, 0, 0)
    with catalogue.session() as session:
        track = session.scalars(select(Track).where(Track.path.is_not(None))).one()
        report = session.get_one(TrackReport, track.id).report
        assert (track.genre, track.vectors_version, report["timeline"]) == ("blues", now, [])
    again = fill_library(catalogue, options, lambda done, total, name: None)
    assert (again.unchanged, again.updated) == (1, 0)
    catalogue.close()


def test_tracks_of_an_older_version_are_analysed_again(tmp_path: Path) -> None:
    write_wav(tmp_path / "music" / "song.wav", seconds=0.02)
    catalogue = open_catalogue(tmp_path / "var")
    fill(catalogue, tmp_path / "music")
    with catalogue.session() as session:
        track = session.scalars(select(Track).where(Track.path.is_not(None))).one()
        track.features_version = "an-older-pipeline-1"
        kept = session.get(TrackFeatures, track.id)
        assert kept is not None
        kept.trunk_output = kept.trunk_output[:1200]  # as the first version kept it
        session.commit()
    options = ScanOptions([tmp_path / "music"], jobs=1, limits=DEFAULT_LIMITS, load_pipeline=FakePipeline)
    summary = fill_library(catalogue, options, lambda done, total, name: None)
    assert (summary.analysed, summary.failed) == (1, 0)
    with catalogue.session() as session:
        track = session.scalars(select(Track).where(Track.path.is_not(None))).one()
        kept = session.get(TrackFeatures, track.id)
        assert kept is not None and len(kept.trunk_output) > 1200
    catalogue.close()


def test_lyrics_that_are_turned_on_are_read_by_the_next_scan(tmp_path: Path) -> None:
    """And again once the model is there; turned off, they stay."""
    write_wav(tmp_path / "music" / "song.wav", seconds=0.02)
    model = tmp_path / "models" / "someone--speech"
    catalogue = open_catalogue(tmp_path / "var")
    without = ScanOptions([tmp_path / "music"], jobs=1, limits=DEFAULT_LIMITS, load_pipeline=FakePipeline)
    settings = LyricsSettings("someone/speech", "someone/text", tmp_path / "models")

    def analysed(options: ScanOptions) -> int:
        return fill_library(catalogue, options, lambda done, total, name: None).analysed

    assert [analysed(without), analysed(without)] == [1, 0]
    with_lyrics = replace(without, lyrics=settings)
    assert [analysed(with_lyrics), analysed(with_lyrics)] == [1, 0]
    assert analysed(without) == 0
    if find_spec("transformers") and find_spec("torch"):
        model.mkdir(parents=True)
        (model / "config.json").write_text("{}")
        assert [analysed(with_lyrics), analysed(with_lyrics)] == [1, 0]
    catalogue.close()


class Growing(FakePipeline):
    """Writes to the file during its analysis, `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        if self.times:
            self.times -= 1
            with source.open("ab") as file:
                file.write(b"more")


def test_a_file_that_grows_is_analysed_again(tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", seconds=0.02)
    size = song.stat().st_size
    digest = analyse_file(Growing(1), File(song, size, 0), limits=DEFAULT_LIMITS)
    assert digest.file.size == song.stat().st_size == size + 4


def test_a_file_that_goes_on_growing_is_refused(tmp_path: Path) -> None:
    song = write_wav(tmp_path / "song.wav", seconds=0.02)
    with pytest.raises(ChangingError):
        analyse_file(Growing(9), File(song, 0, 0), limits=DEFAULT_LIMITS)
