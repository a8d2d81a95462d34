"""The terminal: a progress bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import io
import re

import pytest

from ml.report.cells import columns
from terminal import Progress, look_of


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def visible(screen: Screen) -> str:
    """The last line as a terminal shows it: text after a carriage return covers what was there."""
    line = ""
    for text in screen.getvalue().split("\r"):
        line = text + line[len(text) :]
    return line.rstrip()


def test_no_bar_in_a_pipe() -> None:
    pipe = io.StringIO()
    with Progress(2, pipe) as progress:
        progress.show(1, "song.mp3")
        progress.start(0, 4)
        progress.show(2, "song.mp3")
    assert pipe.getvalue() == ""


def test_a_bar_on_a_terminal_leaves_no_trace() -> None:
    screen = Screen()
    with Progress(4, screen) as progress:
        progress.show(1, "a\x1b[2J.mp3")
        assert visible(screen).startswith("█████░░░░░░░░░░░░░░░ 1/4  ")
        assert visible(screen).endswith("  a [2J.mp3")
    assert visible(screen) == "" and screen.getvalue().endswith("\r")
    assert "\x1b" not in screen.getvalue()


def test_the_bar_shows_the_rate_of_this_run_and_the_time_left() -> None:
    screen = Screen()
    with Progress(None, screen) as progress:
        progress.show(0, "300 files found")
        assert visible(screen).endswith("300 files found")
        progress.start(2, 10)
        progress.start_t -= 8  # four more files in eight seconds; the first two were finished before
        progress.show(6, "song.mp3")
        assert re.fullmatch(r"█{12}░{8} 6/10   0\.[45]\d/s, 00:0[89]  song.mp3", visible(screen))
        progress.start_t -= 10_000_000
        progress.show(6, "song.mp3")
        assert re.search(r" \d{4}:\d\d:\d\d  song", visible(screen))


def test_the_bar_stays_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen()
    Progress(4, screen).show(2, "긴 이름" * 40)
    assert columns(visible(screen)) < 40


@pytest.mark.parametrize(
    ("stream", "variables", "colour"),
    [
        (Screen(), {}, True),
        (Screen(), {"NO_COLOR": "1"}, False),
        (Screen(), {"NO_COLOR": ""}, True),
        (Screen(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours(stream: io.StringIO, variables: dict[str, str], colour: bool) -> None:
    assert look_of(stream, variables).colour is colour
