"""The neighbour index is loaded beside the requests, and again when the library changes."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from library.catalogue.database import Catalogue
from library.search import current
from library.search.current import CurrentLibrary
from library.search.file_store import FileStore
from library.search.index_build import build
from library.search.memory_store import MemoryStore
from library.search.neighbours import Library
from tests.web.shelf import put
from web.api import track_views
from web.context import NAME
from web.cooperative import in_native_thread


@pytest.fixture
def catalogue(app: Flask) -> Catalogue:
    found: Catalogue = app.extensions[NAME].catalogue
    return found


def read(current_library: CurrentLibrary) -> Library:
    found = current_library.newest(timeout=60)
    assert found is not None
    return found


def test_requests_get_503_until_the_index_is_loaded(
    app: Flask, browser: FlaskClient, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track_id = put(catalogue, tmp_path, "one")
    proceed = threading.Event()

    def slowly(_: Catalogue) -> str:
        proceed.wait(30)
        return "read"

    monkeypatch.setattr(current, "state_of", slowly)
    monkeypatch.setattr(track_views, "MAX_WAIT_SECONDS", 0.01)
    page = browser.get(f"/library/{track_id}")
    assert page.status_code == 200 and "in a moment" in page.text
    response = browser.get(f"/api/v1/tracks/{track_id}/neighbours")
    assert (response.status_code, response.get_json()["error"]["code"]) == (503, "still_reading")
    assert int(response.headers["Retry-After"]) > 0
    assert browser.get(f"/library/{track_id}/radio").status_code == 503
    proceed.set()
    app.extensions[NAME].library.wait()
    assert browser.get(f"/api/v1/tracks/{track_id}/neighbours").status_code == 200


def test_index_is_loaded_again_only_after_a_change(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(current, "PAUSE_FACTOR", 0.0)
    put(catalogue, tmp_path, "one")
    current_library = CurrentLibrary(catalogue)
    first = read(current_library)
    current_library.wait()
    assert read(current_library) is first and len(first) == 1
    put(catalogue, tmp_path, "two")
    current_library.wait()
    current_library.refresh()
    current_library.wait()
    assert len(read(current_library)) == 2


def test_failed_loading_is_tried_again(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)

    def broken(_: Catalogue) -> str:
        raise OSError("the disk")

    current_library = CurrentLibrary(catalogue)
    with monkeypatch.context() as patch:
        patch.setattr(current, "state_of", broken)
        assert current_library.newest(timeout=60) is None
        current_library.wait()
    assert "the disk" in caplog.text
    assert len(read(current_library)) == 0


def test_concurrent_requests_load_the_index_once(catalogue: Catalogue, tmp_path: Path) -> None:
    put(catalogue, tmp_path, "one")
    current_library = CurrentLibrary(catalogue)
    libraries: list[object] = []
    threads = [threading.Thread(target=lambda: libraries.append(read(current_library))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(libraries) == 8 and len({id(library) for library in libraries}) == 1


def test_pages_answer_from_an_index_file(
    app: Flask, browser: FlaskClient, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same neighbours as without the file, also those that came after it, on the page and over the API."""
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)
    ids = [put(catalogue, tmp_path, f"song {number}") for number in range(12)]
    assert build(catalogue) is not None
    ids.append(put(catalogue, tmp_path, "new song"))
    answers = []
    for limit in (1_000, 5):
        library = CurrentLibrary(catalogue, in_native_thread, exact_limit=limit)
        service = replace(app.extensions[NAME], library=library)
        monkeypatch.setitem(app.extensions, NAME, service)
        found = [browser.get(f"/api/v1/tracks/{one}/neighbours?by=sound&k=12").get_json() for one in ids]
        assert isinstance(read(library).store, FileStore if limit == 5 else MemoryStore)
        assert browser.get(f"/library/{ids[0]}").status_code == 200
        assert browser.get(f"/library/{ids[0]}/radio.m3u8").text.count("#EXTINF") == 13
        answers.append([[(one["track_id"], one["distance"]) for one in each["neighbours"]] for each in found])
    assert answers[0] == answers[1] and all(len(each) == 12 for each in answers[0])
