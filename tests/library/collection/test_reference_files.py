"""A person who has the reference's files on disk can play them: each is one row with its track, heard once at most."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

import preprocess
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.tables import Track, TrackVectors
from library.collection import reference
from library.search.neighbours import Filter, Library
from ml.features.chroma import Chromagram
from ml.features.mel import MEL_BANDS
from ml.features.musicality import Musicality
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.models.genre import TRUNK_OUTPUT_SIZE
from ml.similarity import harmony, timbre
from ml.similarity import reference as catalogue_file
from ml.similarity.reference import Entry
from ml.similarity.vectors import features_version_of, make_vectors
from tests.fakes import FakeEar, a_report, write_wav

NAMES = [f"{genre}.0000{number}" for genre in ("blues", "reggae") for number in range(3)]


def current_ear() -> str:
    return features_version_of(load_card(GENRE_WEIGHTS))


def write_reference(path: Path, *, features_version: str, seconds: float = 30.0) -> Path:
    """A catalogue of the six songs of `NAMES`, as the collection describes them."""
    import numpy as np

    random = np.random.default_rng(0)
    entries = []
    for name in NAMES:
        chromagram = harmony.pack(Chromagram.of_chords(*random.random((2, 40, 12), np.float32)))
        heard = random.standard_normal(TRUNK_OUTPUT_SIZE, np.float32)
        measured = timbre.measure(random.random((40, MEL_BANDS), np.float32))
        trunk_output = timbre.pack(timbre.SoundFeatures(heard, measured, Musicality(0.01, 2.0, 0.8)))
        vectors = make_vectors(chromagram, trunk_output)[:2]
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


class House:
    """A library whose reference is a file of the test."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.file, self._monkeypatch = home, home.parent / "reference.npz", monkeypatch
        real = reference.install
        self._monkeypatch.setattr(reference, "install", lambda catalogue: real(catalogue, self.file))

    def run(self, *argv: str | Path, code: int = 0) -> None:
        variables = {"SORI_HOME": str(self.home)}
        assert preprocess.run([str(one) for one in argv], variables=variables, load_pipeline=FakeEar) == code

    def tracks(self) -> dict[str | None, Track]:
        catalogue = self.open()
        with catalogue.session() as session:
            found = {track.reference: track for track in session.scalars(select(Track).order_by(Track.id))}
            assert len(session.scalars(select(Track)).all()) == len(found)
        catalogue.close()
        return found

    def open(self) -> Catalogue:
        return open_catalogue(self.home)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path / "var", monkeypatch)


def all_linked(house: House, gtzan: Path) -> None:
    """Every row is a track of the reference with its file and the collection's words, and there is no other."""
    tracks = house.tracks()
    assert set(tracks) == {f"gtzan:{name}" for name in NAMES}
    for name in NAMES:
        track = tracks[f"gtzan:{name}"]
        assert track.path == gtzan / "genres_original" / name.split(".")[0] / f"{name}.wav"
        assert (track.title, track.artist) == (f"The song {name}", "A band")
        assert track.report is not None and track.report["title"] == track.title


def test_files_find_their_tracks_unheard(
    house: House, gtzan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_reference(house.file, features_version=current_ear())
    house.run(gtzan)
    assert capsys.readouterr().out == "6 files are songs of the reference, which can be played now.\n"
    all_linked(house, gtzan)
    house.run(gtzan)
    assert capsys.readouterr().out == "6 files are as they were.\n"


@pytest.mark.parametrize(("heard_with", "seconds"), [("an older ear", 30.0), (None, 2.9)])
def test_where_the_reference_knows_less_files_are_heard_into_its_tracks(
    house: House,
    gtzan: Path,
    features_version: str | None,
    seconds: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Made by another ear, or from a short cut: hearing tells more, and there is still one row a song."""
    write_reference(house.file, features_version=features_version or current_ear(), seconds=seconds)
    house.run(gtzan)
    assert capsys.readouterr().out == "6 files were heard.\n"
    all_linked(house, gtzan)
    track = house.tracks()["gtzan:blues.00000"]
    assert (track.duration_seconds, track.features_version) == (0.05, current_ear())
    house.run(gtzan)
    assert capsys.readouterr().out == "6 files are as they were.\n"


def test_files_that_were_there_first_become_the_tracks(house: House, gtzan: Path) -> None:
    house.run(gtzan)
    write_reference(house.file, features_version=current_ear())
    house.run(gtzan)
    all_linked(house, gtzan)


def test_a_new_reference_leaves_linked_tracks_alone(house: House, gtzan: Path) -> None:
    write_reference(house.file, features_version=current_ear())
    house.run(gtzan)
    write_reference(house.file, features_version="a newer ear")
    house.run(gtzan)
    all_linked(house, gtzan)


def test_linked_tracks_are_heard_again_with_another_ear(
    house: House, gtzan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_reference(house.file, features_version=current_ear())
    house.run(gtzan)
    catalogue = house.open()
    with catalogue.session() as session:
        for number, track in enumerate(session.scalars(select(Track))):
            track.features_version = "an older ear" if number < 3 else track.features_version
            track.vectors_version = "older"
            session.get_one(TrackVectors, track.id).sound = b"old"
        session.commit()
    catalogue.close()
    capsys.readouterr()
    house.run(gtzan)
    out = capsys.readouterr().out
    assert "3 files were heard." in out and "3 files were described anew" in out
    all_linked(house, gtzan)


def test_a_collection_that_moved_is_found_again(house: House, gtzan: Path, tmp_path: Path) -> None:
    write_reference(house.file, features_version=current_ear())
    house.run(gtzan)
    moved = tmp_path / "elsewhere"
    gtzan.rename(moved)
    house.run(moved)
    all_linked(house, moved)


def test_without_its_file_a_track_of_the_reference_stays(house: House, gtzan: Path) -> None:
    write_reference(house.file, features_version=current_ear())
    house.run(gtzan)
    shutil.rmtree(gtzan / "genres_original/blues")
    house.run(gtzan, "--prune")
    tracks = house.tracks()
    assert [tracks[f"gtzan:{name}"].path is None for name in NAMES] == [True] * 3 + [False] * 3


def test_a_file_that_is_no_sound_is_not_linked(house: House, gtzan: Path) -> None:
    """One WAV of the collection is known to be broken in most copies of it."""
    write_reference(house.file, features_version=current_ear())
    broken = gtzan / "genres_original/blues/blues.00001.wav"
    broken.write_bytes(b"no sound" * 100)
    house.run(gtzan, code=1)
    tracks = house.tracks()
    assert tracks["gtzan:blues.00001"].path is None
    assert tracks[None].path == broken and tracks[None].failure_code is not None


def test_a_linked_file_that_breaks_leaves_the_track_its_numbers(house: House, gtzan: Path) -> None:
    write_reference(house.file, features_version=current_ear())
    house.run(gtzan)
    (gtzan / "genres_original/blues/blues.00001.wav").write_bytes(b"no sound" * 100)
    house.run(gtzan, code=1)
    tracks = house.tracks()
    assert tracks["gtzan:blues.00001"].path is None and tracks["gtzan:blues.00001"].failure_code is None
    assert len(Library.load(house.open())) == 6


def test_linked_tracks_stay_when_the_reference_is_hidden(house: House, gtzan: Path) -> None:
    shutil.rmtree(gtzan / "genres_original/reggae")
    write_reference(house.file, features_version=current_ear())
    house.run(gtzan)
    library = Library.load(house.open())
    song = library.song(house.tracks()["gtzan:blues.00000"].id)
    assert song is not None
    near = library.nearest(song, "sound", 6, only=Filter(own=True))
    assert {found.track.reference for found in near} == {"gtzan:blues.00001", "gtzan:blues.00002"}
    assert all(found.track.path is not None and found.track.path.is_file() for found in near)
