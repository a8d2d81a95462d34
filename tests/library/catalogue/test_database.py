"""Rows come back as they went in, on both databases; the migrations make the tables that the models describe."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError, OperationalError

from jobs.queue.analyses import Analysis
from jobs.queue.limits import Limit
from library.catalogue.backups import DATABASE_NAME
from library.catalogue.database import BUSY_SECONDS, Catalogue, NoDatabaseError, is_disk_full, open_catalogue
from library.catalogue.tables import Base, Track, TrackFeatures, TrackReport, TrackVectors, path_hash_of
from web.access.sign_ins import SignIn


def test_a_track_comes_back(catalogue: Catalogue) -> None:
    path = Path(os.fsdecode(b"/music/\xff\xfe broken \xea\xb9\x80.mp3"))
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with catalogue.session() as session:
        track = Track(path=path, path_hash=path_hash_of(path), size=2**40, mtime_ns=2**62, title="노래")
        track.failed_at = moment
        session.add(track)
        session.flush()
        session.add(TrackReport(track_id=track.id, report={"schema": 1, "title": "노래"}))
        session.add(TrackVectors(track_id=track.id, harmony=b"\x00\xff", sound=b""))
        session.add(TrackFeatures(track_id=track.id, chromagram=b"c", trunk_output=b"e"))
        session.commit()
    with catalogue.session() as session:
        found = session.scalars(select(Track)).one()
        assert (found.path, found.size, found.mtime_ns) == (path, 2**40, 2**62)
        assert (found.title, found.failed_at) == ("노래", moment)
        assert session.get_one(TrackReport, found.id).report == {"schema": 1, "title": "노래"}
        assert session.get_one(TrackVectors, found.id).harmony == b"\x00\xff"


def test_deleting_a_track_deletes_its_other_rows(catalogue: Catalogue) -> None:
    with catalogue.session() as session:
        track = Track(path=Path("a.mp3"), path_hash="a")
        session.add(track)
        session.flush()
        session.add(TrackVectors(track_id=track.id, harmony=b"h", sound=b"s"))
        session.add(TrackReport(track_id=track.id, report={}))
        session.commit()
        session.delete(track)
        session.commit()
        assert session.scalars(select(TrackVectors)).all() == []
        assert session.scalars(select(TrackReport)).all() == []


def test_a_path_is_unique(catalogue: Catalogue) -> None:
    with catalogue.session() as session:
        session.add_all([Track(path=Path("a"), path_hash=path_hash_of(Path("a"))) for _ in range(2)])
        with pytest.raises(IntegrityError):
            session.commit()


def test_the_migrations_make_what_the_models_describe(catalogue: Catalogue) -> None:
    tables = {Analysis.__tablename__, Limit.__tablename__, SignIn.__tablename__}
    assert tables < set(Base.metadata.tables)
    with catalogue.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_a_library_is_opened_again(tmp_path: Path) -> None:
    home = tmp_path / "a folder: with? signs%"
    first = open_catalogue(home)
    with first.session() as session:
        session.add(Track(title="kept"))
        session.commit()
    first.close()
    second = open_catalogue(home)
    with second.session() as session:
        assert session.scalars(select(Track.title)).all() == ["kept"]
    with second.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    second.close()


@pytest.mark.parametrize(
    "url", ["nonsense", "oracle9://x", "postgresql://nobody@127.0.0.1:1/none", "sqlite:////proc/none/x.db"]
)
def test_a_database_that_does_not_open_is_an_error(url: str, tmp_path: Path) -> None:
    with pytest.raises(NoDatabaseError, match=r"cannot be opened: ."):
        open_catalogue(tmp_path, url)


def test_a_home_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NoDatabaseError):
        open_catalogue(tmp_path / "file" / "var")


def test_another_file_in_the_databases_place_is_refused(tmp_path: Path) -> None:
    """Also by connections that are open already: what they write would end with the file that was moved away."""
    home, database = tmp_path / "var", tmp_path / "var" / DATABASE_NAME
    catalogue = open_catalogue(home)
    add_title(catalogue, "before")
    for path in home.glob(f"{DATABASE_NAME}*"):
        path.rename(tmp_path / path.name)
    with pytest.raises(OperationalError, match="replaced or removed"):
        add_title(catalogue, "gone")
    assert not database.exists()
    open_catalogue(tmp_path / "other").close()
    (tmp_path / "other" / DATABASE_NAME).rename(database)
    with pytest.raises(OperationalError, match="replaced or removed"):
        add_title(catalogue, "swapped")
    for path in tmp_path.glob(f"{DATABASE_NAME}*"):
        path.rename(home / path.name)
    add_title(catalogue, "after")
    with catalogue.session() as session:
        assert session.scalars(select(Track.title).order_by(Track.id)).all() == ["before", "after"]
    catalogue.close()


def add_title(catalogue: Catalogue, title: str) -> None:
    with catalogue.transaction() as session:
        session.add(Track(title=title))


def test_emptying_the_journal_does_not_wait_for_a_reader(tmp_path: Path) -> None:
    """A backup reads for minutes, and writers wait while the journal is emptied."""
    catalogue = open_catalogue(tmp_path)
    with catalogue.engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT count(*) FROM tracks")
        add_title(catalogue, "a")
        statements: list[str] = []
        event.listen(catalogue.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        catalogue.wipe()
        patience = [int(one.split("= ")[1]) for one in statements if "busy_timeout =" in one]
    assert patience[0] < 1000 and patience[1] == BUSY_SECONDS * 1000
    assert statements.index("PRAGMA wal_checkpoint(TRUNCATE)") == len(statements) - 2
    catalogue.close()


def test_a_full_disk_is_recognised() -> None:
    assert is_disk_full(OSError(28, "No space left on device"))
    assert not is_disk_full(OSError(13, "Permission denied"))
    assert not is_disk_full(ValueError("disk is full"))
