"""Creates the tables of a database or brings them up to date: by one process at a time, and completely or not at all.

Two programs may start on an empty database at the same time, and either may be killed while it creates the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from ml.report.errors import SoriError

MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x534F524A


class UnknownVersionError(SoriError):
    code = "database_version"
    sentence = "The library's database was made by another version of Sori. Update Sori, or begin a new library."


def migrate(engine: Engine) -> None:
    """An up-to-date database costs two queries and does not load Alembic."""
    with engine.connect() as connection:
        if _is_current(connection):
            return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with exclusive(engine) as connection:
        if not _is_current(connection):  # another process may have migrated it just now
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise UnknownVersionError() from error


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    newest = max(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    return newest.split("_")[0] == version


@contextmanager
def exclusive(engine: Engine) -> Iterator[Connection]:
    """One exclusive transaction around everything. Python's sqlite3 does not begin one for DDL by itself."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        yield connection
        connection.commit()
