"""The descriptors are read beside the requests, and again when they change."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from library.catalogue.database import Catalogue
from library.search import current
from library.search.current import CurrentLibrary
from library.search.neighbours import Library
from tests.web.shelf import put
from web.api import similar
from web.context import NAME


@pytest.fixture
def catalogue(app: Flask) -> Catalogue:
    found: Catalogue = app.extensions[NAME].catalogue
    return found


def read(near: CurrentLibrary) -> Library:
    found = near.newest(timeout=60)
    assert found is not None
    return found


def test_until_it_is_read_one_is_told_so(
    app: Flask, browser: FlaskClient, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = put(catalogue, tmp_path, "one")
    go_on = threading.Event()

    def slowly(_: Catalogue) -> str:
        go_on.wait(30)
        return "read"

    monkeypatch.setattr(current, "state_of", slowly)
    monkeypatch.setattr(similar, "PATIENCE_SECONDS", 0.01)
    page = browser.get(f"/library/{one}")
    assert page.status_code == 200 and "in a moment" in page.text
    told = browser.get(f"/api/v1/tracks/{one}/neighbours")
    assert (told.status_code, told.get_json()["error"]["code"]) == (503, "still_reading")
    assert int(told.headers["Retry-After"]) > 0
    assert browser.get(f"/library/{one}/radio").status_code == 503
    go_on.set()
    app.extensions[similar.NAME].wait()
    assert browser.get(f"/api/v1/tracks/{one}/neighbours").status_code == 200


def test_a_change_is_read_and_nothing_else(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(current, "PAUSE_FACTOR", 0.0)
    put(catalogue, tmp_path, "one")
    near = CurrentLibrary(catalogue)
    first = read(near)
    near.wait()
    assert read(near) is first and len(first) == 1
    put(catalogue, tmp_path, "two")
    near.wait()
    near.refresh()
    near.wait()
    assert len(read(near)) == 2


def test_a_library_that_cannot_be_read_is_tried_again(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(current, "CHECK_SECONDS", 0.0)

    def broken(_: Catalogue) -> str:
        raise OSError("the disk")

    near = CurrentLibrary(catalogue)
    with monkeypatch.context() as patch:
        patch.setattr(current, "state_of", broken)
        assert near.newest(timeout=60) is None
        near.wait()
    assert "the disk" in caplog.text
    assert len(read(near)) == 0


def test_many_ask_and_one_reads(catalogue: Catalogue, tmp_path: Path) -> None:
    put(catalogue, tmp_path, "one")
    near = CurrentLibrary(catalogue)
    found: list[object] = []
    askers = [threading.Thread(target=lambda: found.append(read(near))) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(found) == 8 and len({id(one) for one in found}) == 1
