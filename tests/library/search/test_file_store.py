"""A library with an index file finds what one in memory finds, also what changed after the file was made."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.filters import Filter
from library.catalogue.tables import Track, TrackVectors
from library.search import file_store
from library.search.file_store import FileStore
from library.search.index_names import NoIndexError
from library.search.memory_store import MemoryStore
from library.search.neighbours import Library
from tests.library.search.large import (
    all_ids,
    built,
    delete_track,
    fill,
    found,
    from_file,
    grouped,
    true_ids,
    write_vectors,
)
from tests.library.search.test_neighbours import add

SIZE = 2_000


@pytest.fixture
def filled(catalogue: Catalogue) -> Catalogue:
    fill(catalogue, SIZE)
    built(catalogue)
    return catalogue


@pytest.fixture
def session(filled: Catalogue) -> Iterator[Session]:
    with filled.session() as session:
        yield session


def recall(catalogue: Catalogue, session: Session, *, count: int = 3, only: Filter | None = None) -> float:
    store, right, wanted = from_file(catalogue).store, 0, 0
    for by in ("harmony", "sound"):
        for question in grouped(30, 77):
            expected = true_ids(session, question, count, by, only)
            wanted += len(expected)
            right += len(set(expected) & set(found(store, session, question, count, by, only)))
    return right / wanted


def test_small_parts_of_the_file_are_enough(
    filled: Catalogue, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_store, "LEAST_COMPARED", 400)
    assert recall(filled, session) >= 0.98


def test_with_every_list_the_answer_is_exact_and_in_order(filled: Catalogue, session: Session) -> None:
    store = from_file(filled).store
    assert isinstance(store, FileStore) and len(store) == SIZE
    for question in grouped(20, 78):
        result = store.search(session, Filter(), ()).nearest("sound", question, 20)
        exact = MemoryStore.load(session).search(session, Filter(), ()).nearest("sound", question, 20)
        assert result.ids.tolist() == exact.ids.tolist() and not result.is_all
        np.testing.assert_allclose(result.distances, exact.distances, atol=1e-6)
        for place in (0, 19):
            vectors, expected = result.vectors(place), exact.vectors(place)
            assert all(np.array_equal(vectors[by], expected[by]) for by in ("harmony", "sound"))


def test_equal_distances_are_ordered_by_id(catalogue: Catalogue) -> None:
    fill(catalogue, 50)
    vector = grouped(1, 5)[0]
    for number in (9, 30, 4, 60):
        write_vectors(catalogue, number, vector)
    built(catalogue)
    write_vectors(catalogue, 20, vector)
    with catalogue.session() as session:
        assert found(from_file(catalogue).store, session, vector, 5) == [4, 9, 20, 30, 60]


def test_all_are_found_where_all_are_wanted(catalogue: Catalogue) -> None:
    fill(catalogue, 40)
    built(catalogue)
    write_vectors(catalogue, 41, grouped(1, 5)[0])
    with catalogue.session() as session:
        result = from_file(catalogue).store.search(session, Filter(), ()).nearest("sound", grouped(1, 6)[0], 100)
        assert sorted(result.ids.tolist()) == all_ids(session) and result.is_all


def test_a_filter_leaves_the_nearest_that_match(filled: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """By checking candidates, by comparing the few that match, and by a mask."""
    write_vectors(filled, 8, grouped(1, 5)[0])  # jazz, in the tail
    write_vectors(filled, SIZE + 100, grouped(1, 6)[0])  # polka, in the tail
    store, questions = from_file(filled).store, [*grouped(4, 79), grouped(1, 5)[0], grouped(1, 6)[0]]
    for only in (Filter(genre="jazz"), Filter(genre="polka"), Filter(genre="waltz")):
        with filled.session() as session:
            expected = [true_ids(session, question, 3, "harmony", only) for question in questions]
            for few, checked in ((20_000, 16_384), (20_000, 10), (0, 10)):
                monkeypatch.setattr(file_store, "FEW", few)
                monkeypatch.setattr(file_store, "FILTERED", checked)
                assert [found(store, session, question, 3, "harmony", only) for question in questions] == expected


def test_excluded_tracks_are_not_found(filled: Catalogue, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    store, question = from_file(filled).store, grouped(1, 80)[0]
    first = true_ids(session, question, 10)
    for checked in (16_384, 10):
        monkeypatch.setattr(file_store, "FILTERED", checked)
        rest = store.search(session, Filter(), first[:7]).nearest("sound", question, 3)
        assert rest.ids.tolist() == first[7:]


def test_what_changed_after_the_file_was_made(filled: Catalogue) -> None:
    """New tracks, also with an id inside the file's; new vectors of a track; deleted tracks."""
    question = grouped(1, 81)[0]
    with filled.session() as session:
        nearest = true_ids(session, question, 4)
    delete_track(filled, nearest[0])
    write_vectors(filled, nearest[1], -question)
    write_vectors(filled, SIZE + 5, question)
    library = from_file(filled)
    with filled.session() as session:
        expected = [SIZE + 5, *nearest[2:]]
        assert found(library.store, session, question) == true_ids(session, question) == expected
        assert found(library.store, session, -question, 1) == [nearest[1]]
    delete_track(filled, SIZE + 5)
    write_vectors(filled, nearest[0], question)  # a freed id is used again
    library = from_file(filled)
    with filled.session() as session:
        assert found(library.store, session, question) == true_ids(session, question) == [nearest[0], *nearest[2:]]


def test_a_track_that_is_deleted_after_loading_is_not_found(filled: Catalogue) -> None:
    library, question = from_file(filled), grouped(1, 82)[0]
    with filled.session() as session:
        nearest = true_ids(session, question, 4)
    delete_track(filled, nearest[0])
    with filled.session() as session:
        assert found(library.store, session, question) == nearest[1:]


def test_a_file_of_which_nothing_is_left(filled: Catalogue) -> None:
    """As after new weights, when a scan has written all vectors again, and many tracks are deleted."""
    with filled.transaction() as session:
        session.execute(delete(Track).where(Track.id > 200))
        for vectors, new in zip(session.scalars(select(TrackVectors)), grouped(200, 98), strict=True):
            vectors.harmony = vectors.sound = new.tobytes()
    with filled.session() as session:
        assert recall(filled, session) == 1.0


def test_songs_are_all_read(filled: Catalogue, session: Session) -> None:
    store = from_file(filled).store
    seen = dict(store.songs(session))
    assert list(seen) == all_ids(session)
    assert found(store, session, seen[17]["harmony"], 1, "harmony") == [17]


def test_a_library_of_real_rows_answers_as_one_in_memory(catalogue: Catalogue) -> None:
    """Duplicates, recordings, reasons and filters come from the rows; two tracks are newer than the file."""
    song = add(catalogue, "song", 0, content="a" * 64)
    for name, angle in (("copy", 0), ("one", 25), ("two", 50), ("three", 75)):
        add(catalogue, name, angle, content="a" * 64 if name == "copy" else None)
    built(catalogue)
    add(catalogue, "newer", 100)
    add(catalogue, "newest, a copy of two", 50.3)
    stored, in_memory = from_file(catalogue), Library.load(catalogue)
    query = stored.song(song)
    assert isinstance(stored.store, FileStore) and isinstance(in_memory.store, MemoryStore) and query is not None
    filters = ({}, {"only": Filter(own=True)}, {"without": [song + 2]}, {"only": Filter(genre="polka")})
    for how in filters:
        first, second = (library.nearest(query, "sound", 4, **how) for library in (stored, in_memory))  # type: ignore[arg-type]
        assert [(one.track.title, one.why) for one in first] == [(one.track.title, one.why) for one in second]
        assert [one.distance for one in first] == pytest.approx([one.distance for one in second], abs=1e-6)
    for library in (stored, in_memory):
        groups = [sorted(track.title or "" for track in group) for group in library.duplicates()]
        assert groups == [["copy", "song"], ["newest, a copy of two", "two"]]


def test_a_large_library_waits_for_its_file(catalogue: Catalogue) -> None:
    fill(catalogue, 30)
    assert isinstance(Library.load(catalogue, exact_limit=29, memory_limit=30).store, MemoryStore)
    with pytest.raises(NoIndexError, match="30 tracks"):
        Library.load(catalogue, exact_limit=10, memory_limit=29)
    built(catalogue)
    first = Library.load(catalogue, exact_limit=10, memory_limit=29)
    assert isinstance(first.store, FileStore)
    again = Library.load(catalogue, exact_limit=10, before=first)
    assert isinstance(again.store, FileStore) and again.store.file is first.store.file
    assert isinstance(Library.load(catalogue, exact_limit=30).store, MemoryStore)


def test_readers_go_on_while_files_are_made(catalogue: Catalogue) -> None:
    """Each answer is right, whichever file it came from, while old files are removed."""
    fill(catalogue, 500)
    built(catalogue)
    question, wrong, answers, ended = grouped(1, 83)[0], [], [], threading.Event()
    with catalogue.session() as session:
        expected = true_ids(session, question)

    def read() -> None:
        library = from_file(catalogue)
        while not ended.is_set():
            with catalogue.session() as session:
                if found(library.store, session, question) != expected:
                    wrong.append(library)
            answers.append(1)
            library = Library.load(catalogue, exact_limit=0, before=library)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(5):
        built(catalogue)
    ended.set()
    for reader in readers:
        reader.join()
    assert not wrong and len(answers) >= 3
