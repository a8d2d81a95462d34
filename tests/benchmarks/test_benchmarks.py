from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from benchmarks.__main__ import main
from benchmarks.analyse import SONG_SECONDS, write_song
from benchmarks.timing import Measured, ratio, run_python, take_turns


def test_turns_are_taken_after_one_unmeasured_each() -> None:
    turns: list[str] = []
    measured = take_turns({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, rounds=3)
    assert turns == ["a", "b", *"ababab"]
    assert [(one.name, len(one.seconds)) for one in measured] == [("a", 3), ("b", 3)]


def test_a_ratio_compares_the_same_rounds() -> None:
    assert ratio(Measured("a", (2.0, 20.0, 4.0)), Measured("b", (1.0, 10.0, 2.0))) == 2.0


def test_a_fresh_python_is_measured() -> None:
    seconds, megabytes, output = run_python("print('hello')")
    assert (seconds > 0, 5 < megabytes < 200, output) == (True, True, "hello\n")


def test_the_song_is_four_minutes_of_mp3(tmp_path: Path) -> None:
    write_song(tmp_path / "song.mp3")
    found = soundfile.info(tmp_path / "song.mp3")
    assert (found.format, found.channels) == ("MP3", 2)
    assert found.duration == pytest.approx(SONG_SECONDS, abs=1)


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "analyse" in capsys.readouterr().err
