"""The library's tests run on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from library.catalogue.database import Catalogue, open_catalogue


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogue]:
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    opened = open_catalogue(tmp_path / "var", url)
    yield opened
    opened.close()
