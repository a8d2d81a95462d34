"""Only what has expired and what belongs to no song is deleted, whatever the clock shows and whoever owns the home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from jobs import sweeper as sweeper_module
from jobs.queue.analyses import Analyses, Upload
from jobs.queue.ids import new_id
from jobs.queue.service_time import ServiceTimer
from jobs.queue.song_files.cache import SongCache
from jobs.queue.song_files.remote import RemoteFiles
from jobs.sweeper import ORPHAN_SECONDS, Sweeper
from library.catalogue.backups import back_up
from library.catalogue.database import open_catalogue
from library.catalogue.identity import FILE_NAME, NOTE_NAME
from library.catalogue.tables import Note
from tests.s3 import BUCKET, S3Server


@pytest.fixture
def analyses(tmp_path: Path) -> Iterator[Analyses]:
    catalogue = open_catalogue(tmp_path / "var")
    yield Analyses(catalogue, tmp_path / "var")
    catalogue.close()


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the machine has run, for the test to change."""
    seconds = [1000.0]
    monkeypatch.setattr(sweeper_module, "running_seconds", lambda: seconds[0])
    return seconds


def add(analyses: Analyses, *, keep_seconds: float = 60.0) -> str:
    one = new_id()
    analyses.files.folder(one).mkdir(parents=True)
    (analyses.files.folder(one) / "song").write_bytes(b"x")
    analyses.add(one, Upload("me", "song", "song", "WAV", 1, "0"), keep_seconds=keep_seconds)
    return one


def test_expired_songs_are_deleted(analyses: Analyses) -> None:
    kept, past = add(analyses), add(analyses, keep_seconds=-1)
    Sweeper(analyses).sweep()
    assert analyses.get(kept) is not None and analyses.files.folder(kept).exists()
    assert analyses.get(past) is None and not analyses.files.folder(past).exists()


def test_an_expired_song_is_deleted_from_the_backups(analyses: Analyses) -> None:
    past = add(analyses, keep_seconds=-1)
    backup = back_up(analyses.home)
    assert backup is not None and past.encode() in backup.read_bytes()
    Sweeper(analyses).sweep()
    assert past.encode() not in backup.read_bytes()


def test_what_belongs_to_no_song_is_deleted_after_a_while(analyses: Analyses, running: list[float]) -> None:
    """Counted from when it was first seen: a file's time may be of another clock."""
    kept, sweeper = add(analyses), Sweeper(analyses)
    orphan = analyses.files.folder(new_id())
    orphan.mkdir()
    analyses.incoming.mkdir()
    (analyses.incoming / "unfinished").touch()
    os.utime(orphan, (0, 0))
    sweeper.sweep()
    running[0] += ORPHAN_SECONDS - 1
    sweeper.sweep()
    assert orphan.exists() and (analyses.incoming / "unfinished").exists()
    running[0] += 1
    (analyses.incoming / "new").touch()
    sweeper.sweep()
    assert not orphan.exists() and analyses.files.folder(kept).exists()
    assert [path.name for path in analyses.incoming.iterdir()] == ["new"]


def test_a_link_among_the_songs_is_not_followed(analyses: Analyses, running: list[float], tmp_path: Path) -> None:
    add(analyses)
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "file").touch()
    link, sweeper = analyses.root / "link", Sweeper(analyses)
    link.symlink_to(canary)
    sweeper.sweep()
    running[0] += ORPHAN_SECONDS
    sweeper.sweep()
    assert not link.is_symlink() and (canary / "file").exists()


def store(files: RemoteFiles, path: Path) -> str:
    """A song without a row."""
    one = new_id()
    path.write_bytes(b"x")
    files.store(one, "song", path)
    return one


def test_what_belongs_to_no_song_is_deleted_from_the_storage(
    analyses: Analyses, running: list[float], s3: S3Server, tmp_path: Path
) -> None:
    """And from the home, where songs were kept before there was a storage. Another database's songs stay."""
    files = RemoteFiles(f"s3://{BUCKET}/ours", SongCache(tmp_path / "cache", 1000))
    theirs = store(replace(files, url=f"s3://{BUCKET}/theirs"), tmp_path / "song")
    analyses.files, sweeper = files, Sweeper(analyses)
    orphan, kept, past = (store(files, tmp_path / "song") for _ in range(3))
    before = analyses.root / new_id()
    before.mkdir(parents=True)
    upload = Upload("me", "song", "song", "WAV", 1, "0")
    analyses.add(kept, upload, keep_seconds=None)
    analyses.add(past, upload, keep_seconds=-1)
    for one in (orphan, kept):
        with files.working_folder(one, "song"):
            pass
    sweeper.sweep()
    assert s3.objects() == {f"theirs/{theirs}/song", f"ours/{kept}/song", f"ours/{orphan}/song"}
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.name[0] != "."] == [kept]
    running[0] += ORPHAN_SECONDS
    sweeper.sweep()
    assert s3.objects() == {f"theirs/{theirs}/song", f"ours/{kept}/song"} and not before.exists()


def test_a_storage_that_is_away_stops_no_engine(
    analyses: Analyses, running: list[float], s3: S3Server, tmp_path: Path
) -> None:
    """What should be deleted there is deleted when it is back."""
    files = RemoteFiles(f"s3://{BUCKET}/ours", SongCache(tmp_path / "cache", 1000))
    analyses.files, sweeper = files, Sweeper(analyses)
    past = store(files, tmp_path / "song")
    analyses.add(past, Upload("me", "song", "song", "WAV", 1, "0"), keep_seconds=-1)
    with s3.failing():
        sweeper.sweep()
    assert analyses.ids() == set() and s3.objects() == {f"ours/{past}/song"}
    sweeper.sweep()
    running[0] += ORPHAN_SECONDS
    sweeper.sweep()
    assert s3.objects() == set()


@pytest.mark.parametrize("changed", ["file", "note"])
def test_nothing_is_deleted_in_the_home_of_another_database(
    analyses: Analyses, running: list[float], changed: str
) -> None:
    """As when the database or the home was exchanged while the engine runs."""
    past, orphan, sweeper = add(analyses, keep_seconds=-1), analyses.files.folder(new_id()), Sweeper(analyses)
    orphan.mkdir()
    if changed == "file":
        (analyses.home / FILE_NAME).write_text("0" * 32)
    else:
        with analyses.catalogue.transaction() as session:
            session.execute(update(Note).where(Note.name == NOTE_NAME).values(value="0" * 32))
    for _ in range(2):
        sweeper.sweep()
        running[0] += ORPHAN_SECONDS
    assert orphan.exists() and analyses.files.folder(past).exists()


@pytest.mark.parametrize("days", [-4000, -1, 1, 400])
def test_a_clock_that_jumps_deletes_nothing(
    analyses: Analyses, running: list[float], monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """And hides nothing, whether songs were uploaded before or after the jump."""
    timer = ServiceTimer(analyses.catalogue)
    timer.advance()
    before = add(analyses)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(days=days)

    for module in ("jobs.queue.analyses", "jobs.queue.service_time", "jobs.queue.leases"):
        monkeypatch.setattr(f"{module}.datetime", Clock)
    monkeypatch.setattr("time.time", lambda: Clock.now().timestamp())
    after = add(analyses)
    for _ in range(2):
        Sweeper(analyses).sweep()
        timer.advance()
    assert analyses.get(before) is not None and analyses.get(after) is not None
    monkeypatch.undo()
    Sweeper(analyses).sweep()
    assert [analyses.files.folder(one).exists() for one in (before, after)] == [True, True]
    assert analyses.get(before) is not None and analyses.get(after) is not None
