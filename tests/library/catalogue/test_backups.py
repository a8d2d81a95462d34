"""Daily backups: consistent while others write, kept for a week, restored by copying. A lost database is no new one."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from jobs.queue.analyses import Analyses
from library.catalogue import backups
from library.catalogue.backups import (
    DATABASE_NAME,
    KEPT,
    DamagedDatabaseError,
    LostDatabaseError,
    all_backups,
    back_up,
    erase_deleted,
    newest_backup,
)
from library.catalogue.database import open_catalogue
from library.catalogue.identity import StrangerError
from library.catalogue.tables import Track
from tests.library.catalogue.test_identity import add_song


def fill(home: Path, tracks: int = 2000) -> None:
    catalogue = open_catalogue(home)
    with catalogue.transaction() as session:
        session.add_all(Track(title=f"song {number}" * 20) for number in range(tracks))
    catalogue.close()


def titles(home: Path) -> int:
    catalogue = open_catalogue(home)
    with catalogue.session() as session:
        found = len(session.scalars(select(Track.title)).all())
    catalogue.close()
    return found


def lose(home: Path) -> None:
    for path in home.glob(f"{DATABASE_NAME}*"):
        path.unlink()


def test_a_backup_made_while_others_write_is_one_state(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows are always written together. The copy never begins again, however often others write."""
    fill(home)
    monkeypatch.setattr(backups, "PAGES_PER_STEP", 5)
    ended, written, steps = threading.Event(), [0], [0]

    def write() -> None:
        catalogue = open_catalogue(home)
        while not ended.is_set():
            with catalogue.transaction() as session:
                session.add_all([Track(title="left"), Track(title="right")])
            written[0] += 1
        catalogue.close()

    def step() -> bool:
        steps[0] += 1
        return steps[0] > 5000

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while not written[0]:
            pass
        before = written[0]
        path = back_up(home, is_ended=step)
        during = written[0] - before
    finally:
        ended.set()
        thread.join()
    assert path is not None and during > 3
    with closing(sqlite3.connect(path)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        pages = copy.execute("PRAGMA page_count").fetchone()[0]
        left, right = (
            copy.execute("SELECT count(*) FROM tracks WHERE title = ?", (one,)).fetchone()[0]
            for one in ("left", "right")
        )
    assert left == right
    assert steps[0] <= pages // 5 + 2
    assert [one.name for one in path.parent.iterdir() if not one.name.startswith(".")] == [path.name]


def test_a_restored_backup_is_the_library_again(home: Path) -> None:
    fill(home, 5)
    path = back_up(home)
    assert path is not None and back_up(home) is None
    lose(home)
    with pytest.raises(LostDatabaseError, match=path.name):
        open_catalogue(home)
    shutil.copy(path, home / DATABASE_NAME)
    assert titles(home) == 5


@pytest.mark.parametrize("emptied", [True, False], ids=["emptied", "removed"])
@pytest.mark.parametrize("left", ["identity", "analyses", "backups"])
def test_a_lost_database_is_not_a_new_library(home: Path, left: str, emptied: bool) -> None:
    catalogue = open_catalogue(home)
    add_song(catalogue, home)
    catalogue.close()
    back_up(home)
    lose(home)
    for name in {"identity", "analyses", "backups"} - {left}:
        shutil.rmtree(home / name) if (home / name).is_dir() else (home / name).unlink()
    if emptied:
        (home / DATABASE_NAME).touch()
    with pytest.raises(LostDatabaseError, match="missing or empty"):
        open_catalogue(home)
    assert not (home / DATABASE_NAME).exists() or (home / DATABASE_NAME).stat().st_size == 0


def test_an_empty_file_in_an_empty_home_is_a_new_library(home: Path) -> None:
    """Another process may be creating it just now."""
    home.mkdir(exist_ok=True)
    (home / DATABASE_NAME).touch()
    open_catalogue(home).close()
    assert (home / DATABASE_NAME).stat().st_size > 0


@pytest.mark.parametrize("damage", ["text", "truncated", "overwritten"])
def test_a_damaged_database_is_named_with_its_backup(home: Path, damage: str) -> None:
    fill(home)
    path = back_up(home)
    assert path is not None
    database = home / DATABASE_NAME
    content = database.read_bytes()
    if damage == "text":
        database.write_bytes(b"this is no database" * 1000)
    elif damage == "truncated":
        database.write_bytes(content[:20_000])
    else:
        database.write_bytes(content[:100] + b"\xff" * 8000 + content[8100:])
    with pytest.raises(DamagedDatabaseError, match=path.name):
        open_catalogue(home)


def test_a_damaged_database_replaces_no_backup(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage that no start notices is in the copy too, where the check finds it."""
    fill(home)
    database = home / DATABASE_NAME
    content = bytearray(database.read_bytes())
    with closing(sqlite3.connect(database)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_tracks_title'").fetchone()[0]
    content[(page - 1) * 4096 : page * 4096] = b"\x07" * 4096
    database.write_bytes(content)
    open_catalogue(home).close()
    with pytest.raises(sqlite3.DatabaseError):
        back_up(home)
    assert all_backups(home) == [] and list((home / backups.FOLDER_NAME).glob("*.part*")) == []


def test_another_database_replaces_no_backup(home: Path, tmp_path: Path) -> None:
    """Somebody may put one in the place of the home's own while the service runs."""
    fill(home, 1)
    fill(tmp_path / "other", 1)
    (tmp_path / "other" / DATABASE_NAME).replace(home / DATABASE_NAME)
    with pytest.raises(StrangerError):
        back_up(home)
    assert all_backups(home) == []


def name_of(home: Path, days: int) -> Path:
    return home / "backups" / f"library-{date.today() + timedelta(days)}.db"


def test_a_week_of_backups_is_kept(home: Path) -> None:
    fill(home, 1)
    (home / "backups").mkdir()
    for days in range(1, 10):
        name_of(home, -days).touch()
    made = back_up(home)
    assert all_backups(home) == [name_of(home, -days) for days in reversed(range(KEPT))]
    assert newest_backup(home) == made


def test_a_backup_from_the_future_is_not_the_newest(home: Path) -> None:
    (home / "backups").mkdir(parents=True)
    for days in (-3, 400):
        name_of(home, days).touch()
    assert newest_backup(home) == name_of(home, -3)
    name_of(home, -3).unlink()
    assert newest_backup(home) == name_of(home, 400)


def test_no_backup_takes_the_last_space(home: Path) -> None:
    fill(home, 1)
    assert back_up(home, reserve_bytes=10**18) is None
    assert all_backups(home) == []


def test_one_process_makes_the_backup(home: Path) -> None:
    fill(home, 1)
    (home / "backups").mkdir()
    with backups._alone(home / "backups") as is_alone:
        assert is_alone
        assert back_up(home) is None
    assert back_up(home) is not None


def test_an_interrupted_backup_leaves_nothing(home: Path) -> None:
    fill(home)
    with pytest.raises(InterruptedError):
        back_up(home, is_ended=lambda: True)
    assert [one.name for one in (home / backups.FOLDER_NAME).iterdir()] == [".lock"]


def test_a_deleted_song_is_erased_from_the_backups(home: Path) -> None:
    catalogue = open_catalogue(home)
    kept, deleted = add_song(catalogue, home), add_song(catalogue, home)
    path = back_up(home)
    assert path is not None and deleted.encode() in path.read_bytes()
    Analyses(catalogue, home).delete(deleted)
    erase_deleted(home)
    assert deleted.encode() not in path.read_bytes() and kept.encode() in path.read_bytes()
    catalogue.close()
