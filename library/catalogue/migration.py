"""The tables of a database, brought up to date: by one process at a time, and wholly or not at all.

Two programs may start on an empty database at once, and either may be killed in the middle of making its tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x534F524A


def migrate(engine: Engine) -> None:
    """Where there is nothing to do, this costs two questions and does not load Alembic."""
    with engine.connect() as connection:
        if _is_current(connection):
            return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with _alone(engine) as connection:
        if not _is_current(connection):  # somebody else was at it just now
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    newest = max(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    return newest.split("_")[0] == version


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """One transaction around everything, with nobody else in it. Python's sqlite3 begins none for tables by itself."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        yield connection
        connection.commit()
