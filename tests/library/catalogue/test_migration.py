"""Tables are made by one of several that start at once, and wholly or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import alembic.command
import pytest
from alembic.config import Config
from sqlalchemy import create_engine, inspect, select, text

from library.catalogue.database import NoDatabaseError, open_catalogue
from library.catalogue.listing import Listing
from library.catalogue.migration import MIGRATIONS
from library.catalogue.tables import Track
from tests.sources import ROOT

OPEN = """
import sys
from pathlib import Path
from library.catalogue import open_catalogue
open_catalogue(Path(sys.argv[1]), sys.argv[2] or None).close()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database; an empty one means SQLite at home."""
    return str(request.getfixturevalue("postgresql")) if request.param == "postgresql" else ""


def test_many_open_an_empty_library_at_once(home: Path, url: str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, home, url], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(5)
    ]
    complaints = [process.communicate()[1].decode() for process in started]
    assert complaints == [""] * 5
    open_catalogue(home, url or None).close()


def test_a_start_that_is_cut_off_leaves_nothing_half_made(
    home: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_halfway(config: Config, _: str) -> None:
        connection = config.attributes["connection"]
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        connection.exec_driver_sql("CREATE TABLE tracks (id INTEGER)")
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(alembic.command, "upgrade", stop_halfway)
        with pytest.raises(NoDatabaseError, match="killed"):
            open_catalogue(home, url or None)
    catalogue = open_catalogue(home, url or None)
    assert inspect(catalogue.engine).has_table("track_vectors")
    with catalogue.session() as session:
        session.add(Track(title="song"))
        session.commit()
    catalogue.close()


def test_a_library_of_the_first_days_comes_along(home: Path, url: str) -> None:
    """From the first step with a track in it to the newest: nothing is lost, and the track is listed."""
    home.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url or f"sqlite:///{home / 'library.db'}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO tracks (id, size, mtime_ns, title, genre, heard_with) VALUES (1, 0, 0, 'Old', 'jazz', 'x')"
            )
        )
    engine.dispose()
    catalogue = open_catalogue(home, url or None)
    with catalogue.session() as session:
        assert session.scalars(select(Track)).one().title == "Old"
        assert session.scalars(select(Listing)).one().genre == "jazz"
    catalogue.close()
