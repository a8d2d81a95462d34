"""Other users of the machine cannot read the home."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def rights_of_others(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode) & 0o077


def test_a_new_library_is_private(home: Path, tmp_path: Path) -> None:
    catalogue = open_catalogue(home)
    with catalogue.transaction() as session:
        session.add(Track(title="song"))
    files = [home, *home.iterdir()]
    names = {path.name for path in files}
    assert names == {home.name, "identity", "library.db", "library.db-wal", "library.db-shm"}
    assert {path.name: rights_of_others(path) for path in files if rights_of_others(path)} == {}
    catalogue.close()
    (tmp_path / "export.csv").touch()
    assert rights_of_others(tmp_path / "export.csv") == 0o044


def test_an_older_library_is_made_private(home: Path, tmp_path: Path) -> None:
    """Only what Sori wrote; the folder itself, other files in it and what a link leads to stay as they are."""
    elsewhere = tmp_path / "elsewhere"
    for folder in (home, elsewhere, home / "examples"):
        folder.mkdir()
    for name in ("library.db", "secret", "notes.txt"):
        (home / name).touch()
    (home / "analyses").symlink_to(elsewhere)
    open_catalogue(home).close()
    closed = {path.name for path in home.iterdir() if not rights_of_others(path)}
    assert closed == {"identity", "library.db", "secret", "examples"}
    assert rights_of_others(home) and rights_of_others(elsewhere)
