"""Every notebook runs from top to bottom on the current code, and is stored without output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sources import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def code_of(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_notebook_is_found() -> None:
    assert ROOT / "notebooks/explore.ipynb" in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_no_output_is_stored(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.data
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(path: Path, shared: Path, tmp_path: Path) -> None:
    """Its code cells run as one program, so no notebook server is needed."""
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join(code_of(path)), encoding="utf-8")
    environment = {**os.environ, "MPLBACKEND": "Agg", "SORI_SHARED": str(shared.resolve())}
    result = subprocess.run(
        [sys.executable, "-W", "ignore:FigureCanvasAgg:UserWarning", script],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "artists apart" in result.stdout
