from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import soundfile
from sqlalchemy import select

from benchmarks import kills, memory, page
from benchmarks.__main__ import main
from benchmarks.analyse import SONG_SECONDS, write_song
from benchmarks.curve import draw
from benchmarks.timing import Measured, ratio, run_python, take_turns
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackVectors
from tests.fakes import write_wav
from tests.runs import run


def test_turns_are_taken_after_one_unmeasured_each() -> None:
    turns: list[str] = []
    measured = take_turns({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, rounds=3)
    assert turns == ["a", "b", *"ababab"]
    assert [(one.name, len(one.seconds)) for one in measured] == [("a", 3), ("b", 3)]


def test_a_ratio_compares_the_same_rounds() -> None:
    assert ratio(Measured("a", (2.0, 20.0, 4.0)), Measured("b", (1.0, 10.0, 2.0))) == 2.0


def test_a_fresh_python_is_measured_without_its_parent() -> None:
    ballast = b"x" * 300_000_000
    seconds, megabytes, output = run_python("print('hello')")
    assert len(ballast)
    assert (seconds > 0, 5 < megabytes < 100, output) == (True, True, "hello\n")


def test_the_song_is_four_minutes_of_mp3(tmp_path: Path) -> None:
    write_song(tmp_path / "song.mp3")
    found = soundfile.info(tmp_path / "song.mp3")
    assert (found.format, found.channels) == ("MP3", 2)
    assert found.duration == pytest.approx(SONG_SECONDS, abs=1)


def test_a_section_replaces_its_own_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.md"
    page.write("speed", "How fast.", [("songs", "9 a minute", "60 a minute")], (0.5, 2.0), page=file)
    page.write("kills", "How safe.", [("kills", "20", "20")], (0.5, 2.0), page=file)
    first = file.read_text("utf-8")
    assert (
        first.index("## kills") < first.index("## speed") and "| songs | 9 a minute | 60 a minute |" in first
    )
    page.write("speed", "How fast.", [("songs", "8 a minute", "60 a minute")], (0.5, 2.0), page=file)
    second = file.read_text("utf-8")
    assert second == first.replace("9 a minute", "8 a minute")
    assert second.startswith("# Benchmarks\n") and "`python -m benchmarks --write kills`" in second


def test_the_curve_is_drawn_alike_each_time(tmp_path: Path) -> None:
    costs = {1_000: (0.02, 0.3), 10_000: (0.05, 1.0), 100_000: (0.8, 8.0), 1_000_000: (8.0, 80.0)}
    for name in ("a.svg", "b.svg"):
        draw(costs, {100_000: 1.0}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_killed_run_and_an_undisturbed_one_are_compared_whole(tmp_path: Path) -> None:
    """The comparison itself: a byte that differs is seen; ids and times are not."""
    homes = [tmp_path / name for name in ("first", "second")]
    for number in range(4):
        write_wav(tmp_path / f"music/{number}.wav", seconds=0.02, hz=100 + 50 * number)
    for home in homes:
        run(home, tmp_path / "music", "--jobs", "1")
    first, second = map(kills.state, homes)
    assert first == second and len(first) == 4
    catalogue = open_catalogue(homes[1])
    with catalogue.session() as session:
        own = select(TrackVectors).join(Track).where(Track.path.is_not(None))
        descriptor = session.scalars(own.limit(1)).one()
        descriptor.sound += b"x"
        session.commit()
    catalogue.close()
    after = kills.state(homes[1])
    assert sum(first[name] != after[name] for name in first) == 1


def test_the_processes_of_a_run_are_found() -> None:
    with subprocess.Popen(["sleep", "20"]) as sleeper:
        assert sleeper.pid in memory.children(os.getpid())
        assert 0 < memory.resident(sleeper.pid) < memory.resident(os.getpid())
        sleeper.kill()
    assert memory.resident(sleeper.pid) == 0


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "analyse" in capsys.readouterr().err
