"""The research data, or a reason to skip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SORI_SHARED") or Path(__file__).parents[2].parent / "shared")


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"needs the research data, and {SHARED} is not there")
    return SHARED
