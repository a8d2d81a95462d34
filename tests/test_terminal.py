"""The terminal: a bar where a person looks, silence in a pipe."""

from __future__ import annotations

import io

import pytest

from ml.report.cells import columns
from terminal import ERASE_LINE, Progress, look_of


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_bar_in_a_pipe() -> None:
    pipe = io.StringIO()
    with Progress(2, pipe) as progress:
        progress.show(1, "song.mp3")
    assert pipe.getvalue() == ""


def test_a_bar_on_a_terminal_leaves_no_trace() -> None:
    screen = Screen()
    with Progress(4, screen) as progress:
        progress.show(1, "a\x1b[2J.mp3")
    shown = screen.getvalue().removeprefix(ERASE_LINE)
    assert shown.startswith("█████░░░░░░░░░░░░░░░ 1/4  a [2J.mp3")
    assert shown.endswith(ERASE_LINE)


def test_the_bar_stays_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen()
    Progress(4, screen).show(2, "긴 이름" * 40)
    assert columns(screen.getvalue().removeprefix(ERASE_LINE)) < 40


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
