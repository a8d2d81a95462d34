"""Fixtures for every test: the research data (or a reason to skip), audio made here, a fake pipeline."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from library.catalogue.database import Catalogue, open_catalogue
from ml.report.schema import Report
from tests.fakes import FakePipeline, a_report, write_wav

pytest_plugins = ["tests.ml.lyrics.small_models", "tests.s3"]

ROOT = Path(__file__).parent.parent
POSTGRESQL = os.environ.get("SORI_TEST_POSTGRESQL") or "postgresql+psycopg://postgres@127.0.0.1:5432/test"
OPTIONAL_PACKAGES = ("torch", "transformers", "gensim", "celery", "redis", "s3fs", "moto")
SHARED = Path(os.environ.get("SORI_SHARED") or ROOT.parent / "shared")


def pytest_configure(config: pytest.Config) -> None:
    """Check the packages that CI must have, and compile the catalogues that are older than their source, so that plain
    `pytest` speaks Korean too."""
    missing = [name for name in OPTIONAL_PACKAGES if find_spec(name) is None]
    if missing and os.environ.get("CI"):
        names = ", ".join(missing)
        pytest.exit(f"packages of requirements-lyrics.txt, -cluster.txt or -dev.txt are missing: {names}", returncode=1)
    if hasattr(config, "workerinput"):
        return  # one of xdist's workers; its controller has done it
    for source in ROOT.glob("translations/*/LC_MESSAGES/messages.po"):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            command = [sys.executable, "-m", "babel.messages.frontend", "--quiet", "compile"]
            subprocess.run([*command, "--input-file", source, "--output-file", target], check=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SHARED.is_dir():
        return
    if os.environ.get("CI"):
        pytest.exit(f"the research data is missing: {SHARED}", returncode=1)
    skip = pytest.mark.skip(reason=f"needs the research data, and {SHARED} is not there")
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The research data. Only for tests marked `data`, which are skipped where it is missing."""
    return SHARED


@pytest.fixture
def report() -> Report:
    return a_report()


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def wav(tmp_path: Path) -> Callable[..., Path]:
    """`wav("name.wav", seconds=2.0)` writes a sine into the test's own folder and returns its path."""

    def write(name: str, seconds: float = 1.0) -> Path:
        return write_wav(tmp_path / name, seconds=seconds)

    return write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a library is going to be."""
    return tmp_path / "var"


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Six songs in two folders."""
    for number in range(6):
        write_wav(tmp_path / f"music/disc {number % 2}/노래 {number}.wav", seconds=0.02, hz=200 + 20 * number)
    return tmp_path / "music"


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
def catalogue(request: pytest.FixtureRequest, home: Path) -> Iterator[Catalogue]:
    """An empty library, on each of the databases."""
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    opened = open_catalogue(home, url)
    yield opened
    opened.close()
