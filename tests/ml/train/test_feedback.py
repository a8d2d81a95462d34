"""Listeners' answers become examples; what is no answer teaches nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.models.genre import TRUNK_OUTPUT_SIZE
from ml.train.genre.feedback import COLLECTION, NoFeedbackError, read_feedback


def answer(folder: Path, genre: str, name: str, heard: np.ndarray) -> None:
    (folder / genre).mkdir(parents=True, exist_ok=True)
    np.save(folder / genre / f"{name}.npy", heard)


def test_answers_are_rows(tmp_path: Path) -> None:
    heard = np.arange(TRUNK_OUTPUT_SIZE, dtype=np.float32)
    answer(tmp_path, "jazz", "one", heard)
    answer(tmp_path, "jazz", "two", heard + 1)
    answer(tmp_path, "polka", "three", heard)
    answer(tmp_path, "blues", "small", heard[:7])
    answer(tmp_path, "blues", "strange", np.full(TRUNK_OUTPUT_SIZE, np.nan, np.float32))
    (tmp_path / "blues" / "broken.npy").write_bytes(b"no array")
    (tmp_path / "blues" / "code.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'shape': (1,)}")
    rows = read_feedback(tmp_path, ("blues", "jazz"))
    assert [(row.example.name, row.example.label) for row in rows] == [("one", "jazz"), ("two", "jazz")]
    assert {row.example.collection for row in rows} == {COLLECTION}
    assert len({row.example.artist for row in rows}) == 2
    np.testing.assert_array_equal(rows[1].trunk_output, heard + 1)


def test_no_answer_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoFeedbackError):
        read_feedback(tmp_path / "nowhere", ("blues",))
