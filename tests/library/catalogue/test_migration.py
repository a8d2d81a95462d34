"""Of several processes that start at once, one creates the tables, and completely or not at all."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import alembic.command
import pytest
from alembic.config import Config
from sqlalchemy import inspect, text

from jobs.queue.analyses import Analyses
from jobs.queue.limits import Limits, Rate
from library.catalogue.database import NoDatabaseError, open_catalogue
from library.catalogue.migration import UnknownVersionError
from library.catalogue.tables import Track
from tests.sources import ROOT

OPEN = """
import sys
from pathlib import Path
from library.catalogue.database import open_catalogue
open_catalogue(Path(sys.argv[1]), sys.argv[2] or None).close()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database; an empty one means SQLite at home."""
    return str(request.getfixturevalue("postgresql")) if request.param == "postgresql" else ""


def test_several_processes_open_an_empty_library_at_once(home: Path, url: str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, home, url], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(5)
    ]
    errors = [process.communicate()[1].decode() for process in started]
    assert errors == [""] * 5
    open_catalogue(home, url or None).close()


def test_an_interrupted_start_leaves_no_partial_tables(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_database_of_another_version_is_refused(home: Path, url: str) -> None:
    catalogue = open_catalogue(home, url or None)
    with catalogue.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    catalogue.close()
    with pytest.raises(UnknownVersionError, match="another version of Sori"):
        open_catalogue(home, url or None)


def test_a_database_of_the_first_version_is_updated(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its uploads stay as they are."""
    upgrade = alembic.command.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(alembic.command, "upgrade", lambda config, _: upgrade(config, "0001"))
        first = open_catalogue(home, url or None)
    with first.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO analyses (id, client, content, name, file, format, stage, size, created_at, state, "
                "progress, tries) VALUES ('kept', 'me', 'c', 'n', 'song', 'WAV', '', 1, :now, 'queued', 0, 0)"
            ),
            {"now": datetime.now(UTC)},
        )
    first.close()
    updated = open_catalogue(home, url or None)
    analyses = Analyses(updated, home)
    assert (analyses.count_waiting_of("me", "a sender"), analyses.count_waiting_of("you", "a sender")) == (1, 0)
    claimed = analyses.claim("engine")
    assert claimed is not None and (claimed.id, claimed.sender) == ("kept", "")
    assert Limits(updated).take("me", Rate("test", burst=1, seconds=1.0)) == 0.0
    updated.close()
