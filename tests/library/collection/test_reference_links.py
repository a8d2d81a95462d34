"""Users who have the files of the reference can play them: each shares one row with its track."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

import preprocess
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.filters import Filter
from library.catalogue.tables import Track, TrackReport, TrackVectors
from library.collection import reference
from library.search.neighbours import Library
from ml.features.chroma import Chromagram
from ml.features.mel import MEL_BANDS
from ml.features.musicality import Musicality
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.similarity import harmony, timbre
from ml.similarity import reference as catalogue_file
from ml.similarity.reference import Entry
from ml.similarity.vectors import features_version_of, make_vectors
from tests.fakes import FakePipeline, a_report, write_wav

NAMES = [f"{genre}.0000{number}" for genre in ("blues", "reggae") for number in range(3)]


def current_version() -> str:
    return features_version_of(load_card(GENRE_WEIGHTS))


def write_reference(path: Path, *, features_version: str, seconds: float = 30.0) -> Path:
    """A catalogue of the six songs of `NAMES`, as the collection describes them."""
    random = np.random.default_rng(0)
    entries = []
    for name in NAMES:
        chromagram = harmony.pack(Chromagram.of_chords(*random.random((2, 40, 12), np.float32)))
        heard = random.standard_normal(TRUNK_OUTPUT_SIZE, np.float32)
        measured = timbre.measure(random.random((40, MEL_BANDS), np.float32))
        trunk_output = timbre.pack(timbre.SoundFeatures(heard, measured, Musicality(0.01, 2.0, 0.8)))
        vectors = make_vectors(chromagram, trunk_output)
        report = a_report(title=f"The song {name}", artist="A band", duration_seconds=seconds)
        entries.append(Entry(f"gtzan:{name}", "GTZAN clip", report, chromagram, trunk_output, *vectors))
    catalogue_file.write(entries, features_version, path)
    return path


@pytest.fixture
def gtzan(tmp_path: Path) -> Path:
    """The layout of the collection as Kaggle has it."""
    for number, name in enumerate(NAMES):
        genre = name.split(".")[0]
        write_wav(tmp_path / f"Data/genres_original/{genre}/{name}.wav", seconds=0.05, hz=100 + 50 * number)
    return tmp_path / "Data"


class ReferenceLibrary:
    """A library whose reference catalogue is a file of the test."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.file, self._monkeypatch = home, home.parent / "reference.npz", monkeypatch
        real = reference.install
        self._monkeypatch.setattr(reference, "install", lambda catalogue: real(catalogue, self.file))

    def run(self, *argv: str | Path, code: int = 0) -> None:
        variables = {"SORI_HOME": str(self.home)}
        assert preprocess.run([str(one) for one in argv], variables=variables, load_pipeline=FakePipeline) == code

    def tracks(self) -> dict[str | None, Track]:
        catalogue = self.open()
        with catalogue.session() as session:
            found = {track.reference: track for track in session.scalars(select(Track).order_by(Track.id))}
            assert len(session.scalars(select(Track)).all()) == len(found)
        catalogue.close()
        return found

    def report(self, track: Track) -> dict[str, Any]:
        catalogue = self.open()
        with catalogue.session() as session:
            report = session.get_one(TrackReport, track.id).report
        catalogue.close()
        return report

    def open(self) -> Catalogue:
        return open_catalogue(self.home)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReferenceLibrary:
    return ReferenceLibrary(tmp_path / "var", monkeypatch)


def all_linked(library: ReferenceLibrary, gtzan: Path) -> None:
    """Every row is a track of the reference, with its file and the collection's names, and there is no other."""
    tracks = library.tracks()
    assert set(tracks) == {f"gtzan:{name}" for name in NAMES}
    for name in NAMES:
        track = tracks[f"gtzan:{name}"]
        assert track.path == gtzan / "genres_original" / name.split(".")[0] / f"{name}.wav"
        assert (track.title, track.artist) == (f"The song {name}", "A band")
        assert library.report(track)["title"] == track.title


def test_files_are_linked_to_their_tracks_without_analysis(
    library: ReferenceLibrary, gtzan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_reference(library.file, features_version=current_version())
    library.run(gtzan)
    assert capsys.readouterr().out == "6 files were linked to tracks of the reference catalogue.\n"
    all_linked(library, gtzan)
    library.run(gtzan)
    assert capsys.readouterr().out == "6 files are unchanged.\n"


@pytest.mark.parametrize(("features_version", "seconds"), [("an older trunk", 30.0), (None, 2.9)])
def test_files_are_analysed_where_the_reference_is_incomplete(
    library: ReferenceLibrary,
    gtzan: Path,
    features_version: str | None,
    seconds: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Made with another trunk, or from a short excerpt: the file is analysed, and still shares the row."""
    write_reference(library.file, features_version=features_version or current_version(), seconds=seconds)
    library.run(gtzan)
    assert capsys.readouterr().out == "6 files were analysed.\n"
    all_linked(library, gtzan)
    track = library.tracks()["gtzan:blues.00000"]
    assert (track.duration_seconds, track.features_version) == (0.05, current_version())
    library.run(gtzan)
    assert capsys.readouterr().out == "6 files are unchanged.\n"


def test_files_scanned_before_the_reference_become_its_tracks(library: ReferenceLibrary, gtzan: Path) -> None:
    library.run(gtzan)
    write_reference(library.file, features_version=current_version())
    library.run(gtzan)
    all_linked(library, gtzan)


def test_a_new_reference_leaves_linked_tracks_alone(library: ReferenceLibrary, gtzan: Path) -> None:
    write_reference(library.file, features_version=current_version())
    library.run(gtzan)
    write_reference(library.file, features_version="a newer trunk")
    library.run(gtzan)
    all_linked(library, gtzan)


def test_linked_tracks_are_analysed_again_with_another_trunk(
    library: ReferenceLibrary, gtzan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_reference(library.file, features_version=current_version())
    library.run(gtzan)
    catalogue = library.open()
    with catalogue.session() as session:
        for number, track in enumerate(session.scalars(select(Track))):
            track.features_version = "an older trunk" if number < 3 else track.features_version
            track.vectors_version = "older"
            session.get_one(TrackVectors, track.id).sound = b"old"
        session.commit()
    catalogue.close()
    capsys.readouterr()
    library.run(gtzan)
    out = capsys.readouterr().out
    assert "3 files were analysed." in out and "3 files were updated" in out
    all_linked(library, gtzan)


def test_a_moved_collection_stays_linked(library: ReferenceLibrary, gtzan: Path, tmp_path: Path) -> None:
    write_reference(library.file, features_version=current_version())
    library.run(gtzan)
    moved = tmp_path / "elsewhere"
    gtzan.rename(moved)
    library.run(moved)
    all_linked(library, moved)


def test_without_its_file_a_track_of_the_reference_stays(library: ReferenceLibrary, gtzan: Path) -> None:
    write_reference(library.file, features_version=current_version())
    library.run(gtzan)
    shutil.rmtree(gtzan / "genres_original/blues")
    library.run(gtzan, "--prune")
    tracks = library.tracks()
    assert [tracks[f"gtzan:{name}"].path is None for name in NAMES] == [True] * 3 + [False] * 3


def test_a_file_without_audio_is_not_linked(library: ReferenceLibrary, gtzan: Path) -> None:
    """One WAV of the collection is known to be broken in most copies of it."""
    write_reference(library.file, features_version=current_version())
    broken = gtzan / "genres_original/blues/blues.00001.wav"
    broken.write_bytes(b"no sound" * 100)
    library.run(gtzan, code=1)
    tracks = library.tracks()
    assert tracks["gtzan:blues.00001"].path is None
    assert tracks[None].path == broken and tracks[None].failure_code is not None


def test_a_broken_linked_file_does_not_damage_its_track(library: ReferenceLibrary, gtzan: Path) -> None:
    write_reference(library.file, features_version=current_version())
    library.run(gtzan)
    (gtzan / "genres_original/blues/blues.00001.wav").write_bytes(b"no sound" * 100)
    library.run(gtzan, code=1)
    tracks = library.tracks()
    assert tracks["gtzan:blues.00001"].path is None and tracks["gtzan:blues.00001"].failure_code is None
    assert len(Library.load(library.open())) == 6


def test_linked_tracks_stay_when_the_reference_is_hidden(library: ReferenceLibrary, gtzan: Path) -> None:
    shutil.rmtree(gtzan / "genres_original/reggae")
    write_reference(library.file, features_version=current_version())
    library.run(gtzan)
    loaded = Library.load(library.open())
    song = loaded.song(library.tracks()["gtzan:blues.00000"].id)
    assert song is not None
    matches = loaded.nearest(song, "sound", 6, only=Filter(own=True))
    assert {match.track.reference for match in matches} == {"gtzan:blues.00001", "gtzan:blues.00002"}
    assert all(match.track.path is not None and match.track.path.is_file() for match in matches)
