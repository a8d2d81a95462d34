"""The newest vectors are read in the background; the old ones are used meanwhile."""

from __future__ import annotations

import threading

import pytest

from library.catalogue.database import Catalogue
from library.search import current
from library.search.current import CurrentLibrary
from library.search.file_store import FileStore
from library.search.memory_store import MemoryStore
from library.search.neighbours import Library
from tests.library.search.large import built, fill, found, grouped, true_ids, write_vectors
from tests.library.search.test_neighbours import add


def test_a_request_waits_for_the_first_reading_only(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(current, "PAUSE_FACTOR", 0.0)
    add(catalogue, "one", 0)
    library = CurrentLibrary(catalogue)
    first = library.newest(timeout=60)
    library.wait()
    assert first is not None and len(first) == 1
    add(catalogue, "two", 30)
    go_on, state_of = threading.Event(), current.state_of

    def slow_state(catalogue: Catalogue) -> str:
        go_on.wait(30)
        return state_of(catalogue)

    monkeypatch.setattr(current, "state_of", slow_state)
    assert library.newest(timeout=0) is first
    go_on.set()
    library.wait()
    newest = library.newest(timeout=0)
    assert newest is not None and len(newest) == 2


def test_a_new_index_file_is_picked_up_without_a_pause(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(current, "PAUSE_FACTOR", 0.0)
    fill(catalogue, 300)
    library = CurrentLibrary(catalogue, exact_limit=200)

    def read() -> Library:
        library.wait()
        library.refresh()
        library.wait()
        newest = library.newest(timeout=0)
        assert newest is not None
        return newest

    assert isinstance(read().store, MemoryStore)
    built(catalogue)
    first = read()
    assert isinstance(first.store, FileStore) and read() is first
    write_vectors(catalogue, 301, grouped(1, 5)[0])
    second = read()
    assert isinstance(second.store, FileStore) and second.store.file is first.store.file
    assert second.store.tail.ids.tolist() == [301]
    paths = [built(catalogue), built(catalogue)]
    third = read()
    assert isinstance(third.store, FileStore) and third.store.file.path == paths[-1]
    # With PostgreSQL, vectors stay in the tail while any transaction of the server is older than they are.
    assert third.store.tail.ids.tolist() in ([], [301])
    assert not first.store.file.path.exists()
    with catalogue.session() as session:  # whoever still has the old one goes on with it
        assert found(first.store, session, grouped(1, 6)[0]) == true_ids(session, grouped(1, 6)[0])


def test_a_library_that_needs_a_file_waits_for_it(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(current, "PAUSE_FACTOR", 0.0)
    fill(catalogue, 300)
    library = CurrentLibrary(catalogue, exact_limit=100, memory_limit=200)
    assert library.newest(timeout=60) is None
    library.wait()
    assert "300 tracks have no index file yet" in caplog.text
    built(catalogue)
    assert library.newest(timeout=60) is not None


def test_a_library_whose_file_is_gone_is_read_again_first(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has asked while the file was replaced twice."""
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(current, "PAUSE_FACTOR", 0.0)
    fill(catalogue, 300)
    built(catalogue)
    library = CurrentLibrary(catalogue, exact_limit=100)
    first = library.newest(timeout=60)
    library.wait()
    assert first is not None and isinstance(first.store, FileStore)
    paths = [built(catalogue), built(catalogue)]
    assert not first.store.file.path.exists()
    monkeypatch.setattr(library, "refresh", lambda: None)
    assert library.newest(timeout=0) is None
    monkeypatch.undo()
    second = library.newest(timeout=60)
    assert second is not None and isinstance(second.store, FileStore) and second.store.file.path == paths[-1]
