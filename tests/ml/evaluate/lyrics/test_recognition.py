from __future__ import annotations

import csv
from pathlib import Path

import pytest
import soundfile

from ml.audio.settings import SAMPLE_RATE
from ml.evaluate.lyrics.recognition import FileErrors, error_count, measure, plain_words, summary
from tests.ml.lyrics.speech_synthesis import speak


@pytest.mark.parametrize(
    ("reference", "answer", "errors"),
    [
        *[("", "", 0), ("a b c", "a b c", 0), ("a b c", "", 3), ("", "a b", 2), ("a b c", "a x c", 1)],
        *[("a b c", "a c", 1), ("a b c", "a b b c", 1), ("a b c d", "b c d e", 2), ("a b", "b a", 2)],
    ],
)
def test_errors_are_counted(reference: str, answer: str, errors: int) -> None:
    assert error_count(reference.split(), answer.split()) == errors
    assert error_count(answer.split(), reference.split()) == errors


def test_only_words_are_compared() -> None:
    assert plain_words("Don’t you believe?  Yeah, HEAH!") == ["don't", "you", "believe", "yeah", "heah"]
    assert plain_words("사랑해, 그대를.") == ["사랑해", "그대를"]


def test_the_interval_is_over_files() -> None:
    row = summary([FileErrors(5, 10), FileErrors(0, 90)])
    assert row["words"] == 100 and row["error_rate"] == 0.05
    assert row["interval"] == [0.0, 0.5]
    assert summary([FileErrors(1, 4)] * 3)["interval"] == [0.25, 0.25]


def test_a_model_that_is_missing_has_no_row(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs requirements-lyrics.txt")
    assert measure(tmp_path, ["some/name"], tmp_path) == []


def test_each_kind_of_recording_has_a_row(small_asr_model: Path, tmp_path: Path) -> None:
    (tmp_path / "speech").mkdir()
    texts = {"a.wav": ("speech", "fire river sun"), "b.wav": ("speech", "moon love"), "c.wav": ("singing", "rain home")}
    with (tmp_path / "speech/transcripts.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "kind", "transcript"])
        for name, (kind, text) in texts.items():
            soundfile.write(tmp_path / "speech" / name, speak(text), SAMPLE_RATE)
            writer.writerow([name, kind, text.upper() + "!" if name == "a.wav" else f"{text} something else"])
    speech, singing = measure(tmp_path, [str(small_asr_model), "some/name"], tmp_path)
    assert (speech["model"], speech["kind"], speech["files"], speech["words"]) == ("asr", "speech", 2, 7)
    assert (singing["kind"], singing["files"], singing["words"]) == ("singing", 1, 4)
    assert 2 / 7 <= speech["error_rate"] < 0.6 and 0.5 <= singing["error_rate"] <= 0.75
