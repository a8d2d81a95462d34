"""Nearest tracks, recognised recordings and reasons: on both databases, with vectors made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from library.catalogue.database import Catalogue
from library.catalogue.filters import Filter
from library.catalogue.tables import Track, TrackFeatures, TrackVectors, path_hash_of
from library.collection.records import write_report
from library.search.neighbours import Library, same_name
from ml.features.chroma import Chromagram
from ml.report.schema import Key, Why
from ml.similarity import harmony
from ml.similarity.reasons import FIFTH, PARALLEL, RELATIVE, SAME_KEY, relation
from tests.fakes import a_report


def unit(*numbers: float) -> bytes:
    vector = np.array(numbers, np.float32)
    return (vector / np.linalg.norm(vector)).astype("<f4").tobytes()


def a_chromagram(*notes: int) -> bytes:
    frames = np.zeros((20, 12), np.float32)
    frames[:, list(notes)] = 1
    return harmony.pack(Chromagram.of_chords(frames, frames))


def add(
    catalogue: Catalogue, name: str, angle: float, *, artist: str | None = None, turn: float = 0, **columns: object
) -> int:
    """A track whose sound vector is turned by `angle` degrees, and whose harmony vector by `turn` more."""
    with catalogue.session() as session:
        report = replace(a_report(title=name, artist=artist), key=Key("C", "major", 0.5))
        path = Path("/music", name)
        track = Track(path=path, path_hash=path_hash_of(path), size=1, mtime_ns=1, features_version="test")
        write_report(session, track, report)
        for column, value in columns.items():
            setattr(track, column, value)
        sound, chords = np.radians(angle), np.radians(angle + turn)
        session.add(
            TrackVectors(
                track_id=track.id,
                sound=unit(np.cos(sound), np.sin(sound), 0),
                harmony=unit(np.cos(chords), np.sin(chords), 0),
            )
        )
        session.add(TrackFeatures(track_id=track.id, chromagram=a_chromagram(0, 4, 7), trunk_output=b""))
        session.commit()
        return track.id


def names(library: Library, track_id: int, by: str = "sound", count: int = 3, **how: object) -> list[str | None]:
    song = library.song(track_id)
    assert song is not None
    return [match.track.title for match in library.nearest(song, by, count, **how)]  # type: ignore[arg-type]


def test_the_nearest_come_first(catalogue: Catalogue) -> None:
    ids = [add(catalogue, f"at {angle}", angle) for angle in (0, 60, 20, 90, 40)]
    library = Library.load(catalogue)
    assert len(library) == 5
    assert names(library, ids[0]) == ["at 20", "at 40", "at 60"]
    song = library.song(ids[0])
    assert song is not None
    match = library.nearest(song, "harmony", 1)[0]
    assert match.distance == pytest.approx(2 * np.sin(np.radians(10)), abs=1e-5)
    neighbour = match.neighbour()
    assert (neighbour.track_id, neighbour.title, neighbour.genre) == (str(ids[2]), "at 20", "reggae")
    both = library.neighbours(song)
    assert [len(both.harmony), len(both.sound)] == [3, 3]


def test_a_recording_is_found_once_and_never_the_song_itself(catalogue: Catalogue) -> None:
    song = add(catalogue, "song", 0, content="a" * 64)
    add(catalogue, "its copy", 30, content="a" * 64)
    add(catalogue, "its re-encoding", 1)
    add(catalogue, "other", 20)
    add(catalogue, "other, re-encoded", 21)
    add(catalogue, "third", 40, artist="Somebody")
    add(catalogue, "Third!", 60, artist="somebody")
    add(catalogue, "fourth", 80)
    library = Library.load(catalogue)
    assert names(library, song) == ["other", "third", "fourth"]


def test_a_track_that_is_near_in_sound_alone_is_another_recording(catalogue: Catalogue) -> None:
    song = add(catalogue, "song", 0)
    add(catalogue, "same band, other song", 1, turn=90)
    assert names(Library.load(catalogue), song) == ["same band, other song"]


def test_neighbours_match_the_filter(catalogue: Catalogue) -> None:
    song = add(catalogue, "song", 0)
    for number, (genre, mood, bpm, tonic) in enumerate(
        [("jazz", "calm", 80.0, "C"), ("rock", "calm", 120.0, "G"), ("rock", "exciting", 140.0, "C")]
    ):
        add(catalogue, f"{number}", 20 * (number + 1), genre=genre, mood=mood, bpm=bpm, tonic=tonic, mode="major")
    library = Library.load(catalogue)
    assert names(library, song, only=Filter(genre="rock")) == ["1", "2"]
    assert names(library, song, only=Filter(mood="calm")) == ["0", "1", "song"][:2]
    assert names(library, song, only=Filter(slowest_bpm=100, fastest_bpm=130)) == ["1"]
    assert names(library, song, only=Filter(key=("G", "major"))) == ["1"]
    assert names(library, song, only=Filter(genre="polka")) == []
    assert names(library, song, without=[song + 1]) == ["1", "2"]


def test_the_reference_can_be_hidden(catalogue: Catalogue) -> None:
    song = add(catalogue, "song", 0)
    add(catalogue, "reference", 20, path=None, path_hash=None, reference="gtzan:x")
    add(catalogue, "mine", 40)
    library = Library.load(catalogue)
    assert names(library, song) == ["reference", "mine"]
    assert names(library, song, only=Filter(own=True)) == ["mine"]


def test_many_copies_do_not_hide_the_others(catalogue: Catalogue) -> None:
    song = add(catalogue, "song", 0, content="a" * 64)
    for number in range(70):
        add(catalogue, f"copy {number}", 0, content="a" * 64)
    add(catalogue, "other", 90)
    assert names(Library.load(catalogue), song) == ["other"]


def test_duplicates_are_grouped(catalogue: Catalogue) -> None:
    for name, angle in (("a", 0), ("b", 50), ("a again", 0.5), ("c", 90)):
        add(catalogue, name, angle)
    groups = [[track.title for track in group] for group in Library.load(catalogue).duplicates()]
    assert groups == [["a", "a again"]]


def test_an_empty_library_has_no_neighbours(catalogue: Catalogue) -> None:
    library = Library.load(catalogue)
    assert len(library) == 0 and library.song(1) is None and list(library.duplicates()) == []


def test_names_are_compared_without_case_accents_and_punctuation() -> None:
    assert same_name(("Café del Mar", "Energy 52", 200.0), ("cafe del mar ", "ENERGY-52", 202.0))
    assert same_name(("사랑", "이름", None), ("사랑", "이름", 100.0))
    assert not same_name(("사랑", "이름", 100.0), ("사람", "이름", 100.0))
    assert not same_name(("Song", "Band", 200.0), ("Song", "Band", 300.0))
    assert not same_name(("Track 1", None, 200.0), ("Track 1", None, 200.0))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("C", "major"), ("C", "major"), SAME_KEY),
        (("C", "major"), ("A", "minor"), RELATIVE),
        (("A", "minor"), ("C", "major"), RELATIVE),
        (("C", "major"), ("C", "minor"), PARALLEL),
        (("C", "major"), ("F", "major"), FIFTH),
        (("C", "major"), ("F#", "major"), None),
    ],
)
def test_keys_are_related(first: tuple[str, str], second: tuple[str, str], expected: str | None) -> None:
    assert relation(Key(*first, 0.5), Key(*second, 0.5)) == expected


def test_a_match_has_reasons(catalogue: Catalogue) -> None:
    song = add(catalogue, "song", 0)
    add(catalogue, "other", 20)
    library = Library.load(catalogue)
    query = library.song(song)
    assert query is not None
    why = library.nearest(query, "harmony")[0].why
    assert why == Why(SAME_KEY, 0, 1.0, 1.0, ("guitar", "male vocalists"))
