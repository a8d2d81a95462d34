"""The lab's page is written from weight files alone: nothing is trained, and no test song was in training data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ml.evaluate.__main__ import main
from ml.evaluate.classic import run
from ml.evaluate.classic.measure import LabMeasurement
from ml.evaluate.classic.page import write
from ml.models.card import load_card
from ml.models.classic.kinds import KINDS
from ml.train.__main__ import main as train
from ml.train.classic.table import plans
from ml.train.classic.training import LAB_FOLDER
from tests.ml.evaluate.collection import make_shared
from tests.sources import ROOT

MAX_BYTES, MOST_TOGETHER = 2_000_000, 8_000_000
SHIPPED = {
    "kind": "transfer", "source": "clips", "split": "filtered", "accuracy": 0.5, "low": 0.4, "high": 0.6, "n": 3,
    "macro_f1": 0.5, "kilobytes": 1, "milliseconds": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small generated research collection, and three models trained on its clips."""
    folder = tmp_path_factory.mktemp("small")
    make_shared(folder / "shared")
    (folder / "shared" / "gtzan" / "splits").mkdir(exist_ok=True)
    common = ["--shared", folder / "shared", "--data", folder / "shared" / "gtzan" / "clips"]
    for name, more in {
        "svm-clips-random.skops": ["--model", "svm", "--split", "random"],
        "logistic-clips-leaky.skops": ["--model", "logistic", "--split", "leaky"],
        "cnn-clips-random.keras": ["--model", "cnn", "--split", "random", "--epochs", "2"],
    }.items():
        places = ["--output", folder / "lab" / name, "--cache", folder / "cache"]
        assert train([str(word) for word in (*common, *places, *more)]) == 0
    return folder


def evaluate(small: Path, *arguments: str) -> int:
    places = ("--shared", small / "shared", "--lab", small / "lab", "--cache", small / "cache")
    return main(["--all", *map(str, places), "--output", str(small / "out"), *arguments])


def test_lab_page_is_written_without_training(
    small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "measure_shipped", lambda options: SHIPPED)
    before = {path: path.stat().st_mtime_ns for path in (small / "lab").iterdir()}
    assert evaluate(small, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert {(one["kind"], one["split"]) for one in figures} == {
        ("svm", "random"), ("logistic", "leaky"), ("cnn", "random"),
        ("transfer", "filtered"),
    }  # fmt: skip
    for one in figures:
        assert 0 <= one["low"] <= one["accuracy"] <= one["high"] <= 1 and one["n"] > 0
        assert one["kilobytes"] > 0 and "macro_f1" in one
        assert one is figures[-1] or one["train_seconds"] >= 0
    page = (small / "out" / "lab.md").read_text(encoding="utf-8")
    for name in re.findall(r"\]\((images/.+?)\)", page):
        assert (small / "out" / name).stat().st_size
    assert "Learning curves" in page
    assert {path: path.stat().st_mtime_ns for path in (small / "lab").iterdir()} == before


def test_test_songs_are_not_training_songs(small: Path) -> None:
    card = load_card(small / "lab" / "svm-clips-random.skops")
    (one,) = (
        one
        for one in LabMeasurement(small / "shared", small / "cache").measure_folder(small / "lab")
        if one.card == card
    )
    assert one.predictions.truth.size + card.data["songs"] == 18


def test_empty_lab_folder_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--all", "--lab", str(tmp_path), "--output", str(tmp_path)]) == 2
    assert "no model to measure" in capsys.readouterr().err


def test_lab_page_without_any_model() -> None:
    assert "## Plots" in write([], {}, {})


def test_shipped_lab_is_complete_and_small() -> None:
    names = {name for name, _ in plans(Path("clips"))}
    weights = [LAB_FOLDER / name for name in names]
    sizes = [path.stat().st_size for path in weights]
    assert max(sizes) < MAX_BYTES and sum(sizes) < MOST_TOGETHER
    for path in weights:
        card = load_card(path)
        assert path.name.startswith(f"{card.kind}-") and card.data["split"] in path.name
    page = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []
    pictures = re.findall(r"\]\((images/.+?)\)", page)
    assert pictures and [name for name in pictures if not (ROOT / "docs" / name).is_file()] == []
