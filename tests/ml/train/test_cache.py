"""Results are computed once per key; an interrupted run leaves no half-written file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.models.card import Card, load_card
from ml.train.files import Cache, save_with_card, write_file


def test_a_result_is_computed_once_per_key(tmp_path: Path) -> None:
    cache, rows = Cache(tmp_path / "cache"), np.arange(3, dtype=np.float32)
    assert cache.get("a", lambda: rows).tolist() == [0, 1, 2]
    assert cache.get("a", lambda: rows + 1).tolist() == [0, 1, 2]
    assert cache.get("b", lambda: rows + 1).tolist() == [1, 2, 3]


def test_several_arrays_may_have_one_key(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for _ in range(2):
        arrays = cache.get_arrays("a", lambda: {"rows": np.eye(2), "tempo": np.float32(120)})
        assert arrays["rows"].tolist() == [[1, 0], [0, 1]] and float(arrays["tempo"]) == 120


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    def interrupt(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    path = tmp_path / "state.json"
    write_file(path, lambda partial: partial.write_text("whole"))
    with pytest.raises(KeyboardInterrupt):
        write_file(path, interrupt)
    assert path.read_text() == "whole"


def test_an_interrupted_training_leaves_the_old_model(tmp_path: Path) -> None:
    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    card, output = Card("mine", "1", ("a", "b"), {}, {}, {}, "MIT"), tmp_path / "own.npz"
    companions = {"bands.npz": lambda path: path.write_text("bands")}
    saved = save_with_card(card, output, lambda path: path.write_text("weights"), companions)
    assert set(saved.sha256) == {"own.npz", "bands.npz"}
    with pytest.raises(KeyboardInterrupt):
        save_with_card(card, output, interrupt, companions)
    assert load_card(output) == saved
    assert {path.name for path in tmp_path.iterdir()} == {"own.npz", "own.json", "bands.npz"}
