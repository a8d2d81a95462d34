"""Which index file is used, and when a new one is due."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import delete

from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.tables import Note
from library.search import index_folder
from library.search.index_folder import find_due, newest_file
from library.search.index_names import files_in, folder_of
from tests.library.search.large import built, delete_track, fill, grouped, write_vectors


@pytest.fixture(autouse=True)
def _few_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_folder, "LEAST_CHANGED", 3)
    monkeypatch.setattr(index_folder, "SHARE_CHANGED", 0.01)


def test_the_newest_file_is_used(catalogue: Catalogue) -> None:
    fill(catalogue, 200)
    assert newest_file(catalogue) is None
    first = built(catalogue)
    opened = newest_file(catalogue)
    assert opened is not None and opened.path == first
    assert newest_file(catalogue, opened) is opened
    second = built(catalogue)
    newer = newest_file(catalogue, opened)
    assert newer is not None and newer.path == second


def test_a_damaged_file_gives_way_to_the_one_before_and_is_made_again(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    fill(catalogue, 200)
    first, second = built(catalogue), built(catalogue)
    second.write_bytes(second.read_bytes()[:-1])
    opened = newest_file(catalogue)
    assert opened is not None and opened.path == first
    assert not second.exists() and "damaged" in caplog.text
    first.write_bytes(b"")
    assert find_due(catalogue, 0) is not None
    assert files_in(folder_of(catalogue.home)) == []


def test_a_file_that_cannot_be_read_stays(catalogue: Catalogue, caplog: pytest.LogCaptureFixture) -> None:
    fill(catalogue, 200)
    path = built(catalogue)
    data = path.read_bytes()
    path.unlink()
    path.mkdir()
    assert newest_file(catalogue) is None
    assert path.exists() and "cannot be read" in caplog.text
    path.rmdir()
    path.write_bytes(data)
    assert newest_file(catalogue) is not None


def test_a_file_of_another_database_is_ignored(catalogue: Catalogue, tmp_path: Path) -> None:
    fill(catalogue, 200)
    path = built(catalogue)
    other = open_catalogue(tmp_path / "other")
    fill(other, 200)
    shutil.copytree(path.parent, folder_of(other.home))
    assert newest_file(other) is None
    assert find_due(other, 0) is not None
    assert built(other) == newest_file(other).path  # type: ignore[union-attr]
    other.close()


def test_a_file_that_is_newer_than_a_restored_database_is_ignored(catalogue: Catalogue) -> None:
    fill(catalogue, 200)
    first, second = built(catalogue), built(catalogue)
    with catalogue.transaction() as session:  # as a backup from before the second file has it
        session.execute(delete(Note).where(Note.name == f"index {second.stem.split('-')[-1]}"))
    opened = newest_file(catalogue)
    assert opened is not None and opened.path == first


def test_a_new_file_is_due_after_enough_changes(catalogue: Catalogue) -> None:
    fill(catalogue, 200)
    assert find_due(catalogue, 200) is None
    due = find_due(catalogue, 199)
    assert due is not None and (due.changed, due.count) == (200, 200)
    built(catalogue)
    assert find_due(catalogue, 0) is None
    for number, vector in enumerate(grouped(3, 9)):
        write_vectors(catalogue, 300 + number, vector)
    assert find_due(catalogue, 0) is None
    write_vectors(catalogue, 7, grouped(1, 10)[0])
    due = find_due(catalogue, 0)
    assert due is not None and (due.changed, due.count) == (4, 203)
    built(catalogue)
    assert find_due(catalogue, 0) is None
    for number in range(1, 5):
        delete_track(catalogue, number)
    due = find_due(catalogue, 0)
    assert due is not None and (due.changed, due.count) == (4, 199)
