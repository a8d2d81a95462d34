"""Every notebook runs from top to bottom on today's code, and carries no output of anybody's machine."""

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


def test_there_is_one() -> None:
    assert ROOT / "notebooks/explore.ipynb" in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_no_output_is_kept(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.data
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs(path: Path, shared: Path, tmp_path: Path) -> None:
    """Its code cells, one after the other, as a plain program: no notebook server is needed for that."""
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join(code_of(path)), encoding="utf-8")
    told = {**os.environ, "MPLBACKEND": "Agg", "SORI_SHARED": str(shared.resolve())}
    done = subprocess.run(
        [sys.executable, "-W", "ignore:FigureCanvasAgg:UserWarning", script],
        cwd=ROOT, env=told, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "artists apart" in done.stdout
