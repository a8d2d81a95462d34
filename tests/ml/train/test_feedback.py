"""Listeners' answers become training rows; broken files and other genres are left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import LISTENERS, NoFeedbackError, read_feedback


def save_answer(folder: Path, genre: str, name: str, trunk_output: np.ndarray) -> None:
    (folder / genre).mkdir(parents=True, exist_ok=True)
    np.save(folder / genre / f"{name}.npy", trunk_output)


def test_answers_become_rows(tmp_path: Path) -> None:
    trunk_output = np.arange(TRUNK_OUTPUT_SIZE, dtype=np.float32)
    save_answer(tmp_path, "jazz", "one", trunk_output)
    save_answer(tmp_path, "jazz", "two", trunk_output + 1)
    save_answer(tmp_path, "polka", "three", trunk_output)
    save_answer(tmp_path, "blues", "small", trunk_output[:7])
    save_answer(tmp_path, "blues", "strange", np.full(TRUNK_OUTPUT_SIZE, np.nan, np.float32))
    (tmp_path / "blues" / "broken.npy").write_bytes(b"no array")
    (tmp_path / "blues" / "code.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'shape': (1,)}")
    rows = read_feedback(tmp_path, ("blues", "jazz"))
    assert [(row.example.name, row.example.label) for row in rows] == [("one", "jazz"), ("two", "jazz")]
    assert {row.example.collection for row in rows} == {LISTENERS}
    assert len({row.example.artist for row in rows}) == 2
    assert recipe.tabulate(rows, ("blues", "jazz")).is_original.all()
    np.testing.assert_array_equal(rows[1].trunk_output, trunk_output + 1)


def test_each_song_counts_once(tmp_path: Path) -> None:
    """With the genre that most clients chose, however often they uploaded it."""
    agreed, disputed, other = (np.full(TRUNK_OUTPUT_SIZE, value, np.float32) for value in (1, 2, 3))
    for number in range(50):
        save_answer(tmp_path, "jazz", f"agreed {number}", agreed)
    save_answer(tmp_path, "blues", "agreed", agreed)
    save_answer(tmp_path, "jazz", "disputed", disputed)
    save_answer(tmp_path, "blues", "disputed too", disputed)
    save_answer(tmp_path, "blues", "other", other)
    rows = read_feedback(tmp_path, ("blues", "jazz"))
    assert sorted((row.example.label, row.trunk_output[0]) for row in rows) == [("blues", 3.0), ("jazz", 1.0)]


def test_a_folder_without_answers_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoFeedbackError):
        read_feedback(tmp_path / "nowhere", ("blues",))
