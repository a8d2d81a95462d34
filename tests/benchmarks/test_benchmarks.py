"""The benchmarks: timing, the generated page, and how libraries and processes are compared."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import soundfile
from sqlalchemy import select

from benchmarks import kills, memory, neighbours, page, search
from benchmarks.__main__ import main
from benchmarks.analyse import SONG_SECONDS, write_song
from benchmarks.timing import Timings, ratio, run_python, take_turns
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackVectors
from tests.fakes import write_wav
from tests.runs import run


def test_implementations_take_turns_after_one_unmeasured_run() -> None:
    turns: list[str] = []
    measured = take_turns({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, rounds=3)
    assert turns == ["a", "b", *"ababab"]
    assert [(one.name, len(one.seconds)) for one in measured] == [("a", 3), ("b", 3)]


def test_ratio_compares_the_same_rounds() -> None:
    assert ratio(Timings("a", (2.0, 20.0, 4.0)), Timings("b", (1.0, 10.0, 2.0))) == 2.0


def test_new_process_is_measured_without_its_parent() -> None:
    ballast = b"x" * 300_000_000
    done = run_python("import os; print(os.environ['GREETING'])", GREETING="hello")
    assert len(ballast)
    assert (done.seconds > 0, 5 < done.megabytes < 100, done.output) == (True, True, "hello\n")


def test_song_is_an_mp3_of_four_minutes_by_default(tmp_path: Path) -> None:
    write_song(tmp_path / "song.mp3", seconds=12)
    info = soundfile.info(tmp_path / "song.mp3")
    assert (info.format, info.channels) == ("MP3", 2)
    assert info.duration == pytest.approx(12, abs=1)
    assert write_song.__defaults__ == (SONG_SECONDS,) == (240,)


def test_run_replaces_only_its_own_section(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.md"
    page.write("speed", "How fast.", [("songs", "9 a minute", "60 a minute")], (0.5, 2.0), page=file)
    page.write("kills", "How safe.", [("kills", "20", "20")], (0.5, 2.0), page=file)
    first = file.read_text("utf-8")
    assert first.index("## kills") < first.index("## speed") and "| songs | 9 a minute | 60 a minute |" in first
    page.write("speed", "How fast.", [("songs", "8 a minute", "60 a minute")], (0.5, 2.0), page=file)
    second = file.read_text("utf-8")
    assert second == first.replace("9 a minute", "8 a minute")
    assert second.startswith("# Benchmarks\n") and "`python -m benchmarks --write kills`" in second


def test_plots_of_the_same_times_are_identical_files(tmp_path: Path) -> None:
    costs = {1_000: (0.02, 0.3), 10_000: (0.05, 1.0), 100_000: (0.8, 8.0), 1_000_000: (8.0, 80.0)}
    for name in ("a", "b"):
        neighbours.draw(costs, tmp_path / name)
    first, second = (tmp_path / name / "neighbours-cost.svg" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_search_and_start_of_a_small_library(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    neighbours.print_medians((1_000,))
    dimensions, medians = json.loads(capsys.readouterr().out)
    assert dimensions > 50 and len(medians["1000"]) == 2 and min(medians["1000"]) > 0
    neighbours.fill(tmp_path, 100)
    rows = list(neighbours.measure_start(tmp_path))
    assert rows[0][0] == "start with 100 tracks (SQLite)" and len(rows) == 3


def test_search_in_a_large_library_of_few_tracks(tmp_path: Path) -> None:
    rows = {what: figure for what, figure, _ in search.run([300, 2_000], 8, folder=tmp_path)}
    assert rows["2,000, sound: recall@3"] == rows["2,000, harmony, one genre: recall@3"] == "1.000"
    assert len(rows) == 8 + 2 * 16 and list(tmp_path.iterdir()) == []


def test_libraries_are_compared_completely(tmp_path: Path) -> None:
    """A byte that differs is found; ids and timings are ignored."""
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
        vectors = session.scalars(own.limit(1)).one()
        vectors.sound += b"x"
        session.commit()
    catalogue.close()
    after = kills.state(homes[1])
    assert sum(first[name] != after[name] for name in first) == 1


def test_child_processes_and_their_memory_are_found() -> None:
    with subprocess.Popen(["sleep", "20"]) as sleeper:
        assert sleeper.pid in memory.children(os.getpid())
        assert 0 < memory.resident(sleeper.pid) < memory.resident(os.getpid())
        sleeper.kill()
    assert memory.resident(sleeper.pid) == 0


def test_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "analyse" in capsys.readouterr().err
