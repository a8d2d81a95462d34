"""The index file is made beside an engine, in a child process that ends with it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import index_duty
from jobs.index_duty import IndexDuty, Place
from library.catalogue.database import open_catalogue
from library.search.index_folder import newest_file
from library.search.index_names import PART_SUFFIX, files_in, folder_of
from tests.library.search.large import fill


def wait_for(what: Callable[[], object], seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A library of 300 tracks."""
    catalogue = open_catalogue(tmp_path / "var")
    fill(catalogue, 300)
    catalogue.close()
    return tmp_path / "var"


def test_a_large_library_gets_its_file(
    home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_duty, "LOOK_SECONDS", 0.05)
    with caplog.at_level(logging.INFO), IndexDuty(Place(home, exact_limit=299)):
        assert wait_for(lambda: "index file: 300 tracks" in caplog.text), caplog.text
        time.sleep(0.3)
    assert caplog.text.count("are new, changed or gone") == 1
    catalogue = open_catalogue(home)
    assert newest_file(catalogue) is not None
    catalogue.close()


def test_a_small_library_needs_none(home: Path) -> None:
    with IndexDuty(Place(home)):
        time.sleep(0.3)
    assert not folder_of(home).exists()


def test_the_child_process_ends_with_the_engine(home: Path) -> None:
    started = time.monotonic()
    with IndexDuty(Place(home, exact_limit=0)) as duty:
        wait_for(lambda: folder_of(home).exists())
    assert not duty._thread.is_alive() and time.monotonic() - started < 60
    left = list(folder_of(home).glob(f"*{PART_SUFFIX}"))
    assert len(left) + len(files_in(folder_of(home))) <= 1


def test_a_child_process_that_fails_is_logged(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder_of(home).write_bytes(b"a file in the folder's place")
    with IndexDuty(Place(home, exact_limit=0)):
        assert wait_for(lambda: "ended with code 1" in caplog.text)


def test_a_database_that_is_away_stops_nothing(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    with IndexDuty(Place(home, "postgresql://nobody@127.0.0.1:1/none", exact_limit=0)):
        assert wait_for(lambda: "is unknown" in caplog.text)
