"""The newest vectors are read in the background; the old ones are used meanwhile."""

from __future__ import annotations

import threading

import pytest

from library.catalogue.database import Catalogue
from library.search import current
from library.search.current import CurrentLibrary
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
