"""A home belongs to one database: another one is refused, and several processes agree on who was first."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from jobs.queue.analyses import Analyses, Upload
from jobs.queue.ids import new_id
from library.catalogue import identity
from library.catalogue.backups import DATABASE_NAME
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.identity import FILE_NAME, StrangerError
from library.catalogue.tables import Note
from tests.library.catalogue.test_migration import OPEN
from tests.sources import ROOT


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    return str(request.getfixturevalue("postgresql")) if request.param == "postgresql" else None


def add_song(catalogue: Catalogue, home: Path) -> str:
    analyses, song = Analyses(catalogue, home), new_id()
    analyses.files.folder(song).mkdir(parents=True)
    analyses.add(song, Upload("me", "song", "song", "WAV", 1, "0"), keep_seconds=60)
    return song


def delete_note(catalogue: Catalogue) -> None:
    with catalogue.transaction() as session:
        session.delete(session.get_one(Note, identity.NOTE_NAME))


def test_a_home_and_its_database_have_one_identity(home: Path, url: str | None) -> None:
    catalogue = open_catalogue(home, url)
    with catalogue.engine.connect() as connection:
        assert identity.read_note(connection) == (home / FILE_NAME).read_text().strip()
        assert identity.is_owned(connection, home)
    catalogue.close()
    open_catalogue(home, url).close()


def test_another_database_is_refused(home: Path, url: str | None, tmp_path: Path) -> None:
    """Whether it is new or has a home of its own, and the home's own database is still accepted afterwards."""
    open_catalogue(home).close()
    if url is None:
        open_catalogue(tmp_path / "other").close()
        (home / DATABASE_NAME).rename(home / "own.db")
        (tmp_path / "other" / DATABASE_NAME).rename(home / DATABASE_NAME)
    for _ in range(2):
        with pytest.raises(StrangerError, match=r"belongs to another database.*delete the file"):
            open_catalogue(home, url)
    if url is None:
        (home / "own.db").rename(home / DATABASE_NAME)
    open_catalogue(home).close()


def test_a_home_from_before_identities_is_claimed(home: Path, url: str | None) -> None:
    catalogue = open_catalogue(home, url)
    add_song(catalogue, home)
    delete_note(catalogue)
    (home / FILE_NAME).unlink()
    catalogue.close()
    open_catalogue(home, url).close()
    assert (home / FILE_NAME).read_text()


def test_a_home_full_of_unknown_songs_is_not_claimed(home: Path, url: str | None) -> None:
    """As when a home from before identities is given to a new database."""
    catalogue = open_catalogue(home, url)
    delete_note(catalogue)
    (home / FILE_NAME).unlink()
    catalogue.close()
    (home / "analyses" / new_id()).mkdir(parents=True)
    with pytest.raises(StrangerError):
        open_catalogue(home, url)


@pytest.mark.parametrize("content", [None, ""], ids=["missing", "empty"])
def test_a_lost_identity_file_is_written_again(home: Path, content: str | None) -> None:
    """A start may be interrupted between the note and the file, and the file may be cut by a loss of power."""
    catalogue = open_catalogue(home)
    before = (home / FILE_NAME).read_text()
    (home / FILE_NAME).unlink()
    if content is not None:
        (home / FILE_NAME).write_text(content)
    add_song(catalogue, home)
    catalogue.close()
    open_catalogue(home).close()
    assert (home / FILE_NAME).read_text() == before
    assert [path.name for path in home.glob("identity*")] == [FILE_NAME]


def test_deleting_the_identity_file_gives_the_home_away(home: Path, postgresql: str) -> None:
    """As the sentence of the error says. A home with songs that the new database does not know stays refused."""
    catalogue = open_catalogue(home)
    (home / FILE_NAME).unlink()
    open_catalogue(home, postgresql).close()
    with pytest.raises(StrangerError):
        open_catalogue(home)
    catalogue.close()


def test_several_processes_agree_on_an_identity(home: Path, url: str | None) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN, home, url or ""], cwd=ROOT, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    assert [process.communicate()[1].decode() for process in started] == [""] * 4
    open_catalogue(home, url).close()


def test_of_two_databases_at_once_one_gets_the_home(home: Path, postgresql: str) -> None:
    """Both have a note of their own by the time the file is written."""
    name = f"sori_{uuid.uuid4().hex[:12]}"
    server = create_engine(make_url(postgresql).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    urls = [postgresql, make_url(postgresql).set(database=name).render_as_string(hide_password=False)]
    try:
        started = [
            subprocess.Popen([sys.executable, "-c", OPEN, home, url], cwd=ROOT, stderr=subprocess.PIPE) for url in urls
        ]
        errors = [process.communicate()[1].decode() for process in started]
        assert sorted("StrangerError" in error for error in errors) == [False, True]
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()
