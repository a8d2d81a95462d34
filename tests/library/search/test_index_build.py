"""An index file is made from the database by one process at a time, and a killed one leaves nothing that stays."""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.tables import Note
from library.search import index_build, vectors
from library.search.index_build import build
from library.search.index_file import open_index
from library.search.index_folder import find_due, newest_file
from library.search.index_names import files_in, folder_of
from tests.library.search.large import all_ids, built, fill


def notes(catalogue: Catalogue) -> list[str]:
    with catalogue.session() as session:
        return list(session.scalars(select(Note.name).where(Note.name.startswith("index "))))


def test_the_file_has_every_track_once(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_ROWS_AT_ONCE", 300)
    fill(catalogue, 1_000)
    opened = open_index(built(catalogue))
    with catalogue.session() as session:
        expected = all_ids(session)
    for index in opened.kinds.values():
        assert sorted(index.ids.tolist()) == expected
        assert np.diff(index.offsets).min() >= 0
    assert (opened.header.count, opened.header.largest_id) == (1_000, 1_000)
    assert notes(catalogue) == [f"index {opened.header.token}"]


def test_ids_far_apart_are_no_problem(catalogue: Catalogue) -> None:
    fill(catalogue, 300)
    fill(catalogue, 300, first=2_000_000)
    assert sorted(open_index(built(catalogue)).kinds["sound"].ids)[299:301] == [300, 2_000_000]


def test_tracks_that_come_meanwhile_make_room(catalogue: Catalogue) -> None:
    """More rows than were counted at first: the arrays grow."""
    fill(catalogue, 400)
    added: list[int] = []

    def add_more() -> None:
        if not added:
            added.append(1)
            fill(catalogue, 400, first=1_000)

    path = build(catalogue, add_more)
    assert path is not None and len(open_index(path).kinds["harmony"]) == 800


def test_an_empty_library_has_no_file(catalogue: Catalogue) -> None:
    assert build(catalogue) is None
    assert files_in(folder_of(catalogue.home)) == []


def test_the_log_shows_the_progress(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vectors, "_ROWS_AT_ONCE", 100)
    monkeypatch.setattr(index_build, "LOG_EVERY", 200)
    fill(catalogue, 500)
    with caplog.at_level(logging.INFO):
        built(catalogue)
    assert "200 of about 500" in caplog.text and "400 of about 500" in caplog.text


def test_a_disk_without_room_gets_no_file(catalogue: Catalogue, caplog: pytest.LogCaptureFixture) -> None:
    fill(catalogue, 100)
    assert build(catalogue, reserve_bytes=10**18) is None
    assert "low on space" in caplog.text and files_in(folder_of(catalogue.home)) == []


def test_two_files_are_kept(catalogue: Catalogue) -> None:
    fill(catalogue, 100)
    paths = [built(catalogue) for _ in range(4)]
    assert files_in(folder_of(catalogue.home)) == paths[:1:-1]
    assert len(notes(catalogue)) == 3  # that of a removed file goes next time


def test_a_builder_that_gives_up_leaves_nothing(catalogue: Catalogue) -> None:
    fill(catalogue, 300)
    calls: list[int] = []

    def give_up() -> None:
        calls.append(1)
        if len(calls) > 13:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        build(catalogue, give_up)
    assert not list(folder_of(catalogue.home).glob("similar*"))


def test_one_process_builds(catalogue: Catalogue) -> None:
    fill(catalogue, 100)
    folder = folder_of(catalogue.home)
    folder.mkdir()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert build(catalogue) is None
    assert build(catalogue) is not None


def test_one_machine_builds_where_the_disk_has_no_locks(
    postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines with one home and one PostgreSQL; and one that has a home of its own."""
    first, second = open_catalogue(tmp_path / "var", postgresql), open_catalogue(tmp_path / "var", postgresql)
    elsewhere = open_catalogue(tmp_path / "elsewhere", postgresql)
    fill(first, 100)
    monkeypatch.setattr(index_build.fcntl, "flock", lambda *_: None)
    meanwhile: list[object] = []

    def others_try() -> None:
        if not meanwhile:
            meanwhile.append("once")
            meanwhile.extend([build(second), build(elsewhere)])

    assert build(first, others_try) is not None
    assert meanwhile[1] is None and meanwhile[2] is not None
    assert build(second) is not None
    assert newest_file(elsewhere) is not None
    for catalogue in (first, second, elsewhere):
        catalogue.close()


def build_and_stop(home: Path, reached: Event, after: int) -> None:
    """Calls of `check` are counted, and the last one waits to be killed."""
    calls: list[int] = []

    def stop() -> None:
        calls.append(1)
        if len(calls) == after:
            reached.set()
            time.sleep(60)

    build(open_catalogue(home), stop)


@pytest.mark.parametrize("after", [1, 7, 13, 15])
def test_a_killed_builder_is_followed_by_another(tmp_path: Path, after: int) -> None:
    catalogue = open_catalogue(tmp_path)
    fill(catalogue, 300)
    context = multiprocessing.get_context("spawn")
    reached = context.Event()
    child = context.Process(target=build_and_stop, args=(tmp_path, reached, after), daemon=True)
    child.start()
    assert reached.wait(60)
    assert build(catalogue) is None, "the other process holds the lock"
    os.kill(child.pid or 0, signal.SIGKILL)
    child.join()
    assert newest_file(catalogue) is None
    path = built(catalogue)
    opened = newest_file(catalogue)
    assert opened is not None and opened.path == path
    assert notes(catalogue) == [f"index {opened.header.token}"]
    assert {one.name for one in folder_of(tmp_path).iterdir()} == {".lock", "owner", path.name}
    assert find_due(catalogue, 0) is None
    catalogue.close()
