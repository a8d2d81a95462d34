"""The library's tests run on both databases: SQLite always, PostgreSQL where `SORI_TEST_POSTGRESQL` points to one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from library.catalogue import Catalogue, open_catalogue

POSTGRESQL = os.environ.get("SORI_TEST_POSTGRESQL") or "postgresql+psycopg://postgres@127.0.0.1:5432/test"


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The address of an empty database of its own, dropped after the test."""
    server = create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    name = f"sori_{uuid.uuid4().hex[:12]}"
    try:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError:
        server.dispose()
        pytest.skip("needs a PostgreSQL server, by SORI_TEST_POSTGRESQL or on this machine")
    yield make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogue]:
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    opened = open_catalogue(tmp_path / "var", url)
    yield opened
    opened.close()
