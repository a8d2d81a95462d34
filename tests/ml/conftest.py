from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.pipeline import Pipeline, load
from ml.train.trunk import fetch_wheel


@pytest.fixture(scope="session")
def shipped_pipeline() -> Iterator[Pipeline]:
    """The pipeline with the shipped models, loaded once, because that takes seconds."""
    with load() as pipeline:
        yield pipeline


@pytest.fixture(scope="session")
def published_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return fetch_wheel(tmp_path_factory.mktemp("wheel"))
    except Exception as error:
        pytest.skip(f"the published package cannot be fetched here: {error}")
