"""A report as text: the answer first, no line too wide, no control characters."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.report.cells import columns
from ml.report.errors import AudioError
from ml.report.schema import Neighbour, Neighbours, Report
from ml.report.text import Look, error_to_text, to_text
from ml.report.translation import Translator
from tests.fakes import a_report

KOREAN = Translator("ko")


def test_the_whole_text(report: Report) -> None:
    assert to_text(report) == (
        "Redemption Song — Bob Marley  3:48\n"
        "Sounds like reggae (62%), with some hip-hop.\n"
        "\n"
        "  reggae    62% ███████████████████▉\n"
        "  hip-hop   30% █████████▋\n"
        "  blues      8% ██▌\n"
        "\n"
        "  0:00 ████████████████████████████████████████▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ 3:48\n"
        "  █ reggae, ▓ blues\n"
        "\n"
        "  Tempo  76 BPM (81% sure), possibly 153\n"
        "  Key    G major, 9B (70% sure)\n"
        "  Mood   calm (energy 20%)\n"
        "  Tags   guitar, male vocalists\n"
        "  Time   0.70 s (audio 0.20, genre 0.50)"
    )


def test_similar_tracks_are_named(report: Report) -> None:
    near = Neighbour("1", "One Love", "Bob Marley", "reggae", 0.5)
    nameless = Neighbour("2", "demo\x1b[2J", None, None, 0.7)
    text = to_text(replace(report, neighbours=Neighbours(harmony=(near, nameless), sound=(near,))))
    assert "  Similar harmony  One Love — Bob Marley; demo" in text
    assert "  Similar sound    One Love — Bob Marley" in text
    assert "\x1b" not in text


def test_the_text_in_korean(report: Report) -> None:
    text = to_text(report, translator=KOREAN)
    assert "레게처럼 들려요 (62%). 힙합 느낌도 조금 있어요." in text
    assert "  템포    76 BPM" in text
    assert "G 장조, 9B" in text


@pytest.mark.parametrize("shown", ["트로트", "{curly}"])
def test_custom_genres_are_shown_as_they_are(shown: str) -> None:
    text = to_text(a_report(labels=("트로트", "{curly}", "rock \x1b[2J"), shares=(0.1, 0.2, 0.7)))
    assert shown in text
    assert "\x1b" not in text


def test_unknown_values_have_no_row() -> None:
    bare = replace(a_report(), tempo=None, key=None, mood=None, tags=(), timings={}, timeline=())
    assert to_text(bare).endswith("blues      8% ██▌\n")
    assert not re.search("Tempo|Key|Mood|Tags|Time|0:00", to_text(bare))


def test_notes_have_rows() -> None:
    text = to_text(a_report(notes=("Only the first 20 minutes were analysed.",)), translator=KOREAN)
    assert "참고    앞부분 20분만 분석했어요." in text


def test_many_genres_share_the_last_shade() -> None:
    labels = tuple("abcdef")
    moment = a_report().timeline[0]
    steps = [replace(moment, scores=tuple(float(n == top) for n in range(6))) for top in range(6)]
    crowded = replace(a_report(labels=labels, shares=(1 / 6,) * 6), timeline=tuple(steps))
    assert "█ a, ▓ b, ▒ c, ░ d, · others" in to_text(crowded)


any_text = st.text(st.characters(codec=None), max_size=60)


@given(any_text, any_text, st.integers(20, 200), st.sampled_from(["en", "ko"]), st.floats(1.0, 90000.0))
def test_no_line_is_too_wide_or_unsafe(title: str, artist: str, width: int, language: str, seconds: float) -> None:
    report = a_report(
        title=title, artist=artist, labels=(artist or "x", "소리소리소리소리소리", "b" * 30), duration_seconds=seconds
    )
    text = to_text(report, translator=Translator(language), look=Look(width=width))
    assert max(columns(line) for line in text.split("\n")) <= width
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_colours_only_on_request(report: Report) -> None:
    coloured = to_text(report, look=Look(colour=True))
    assert "\x1b[1m" in coloured
    assert re.sub("\x1b\\[\\d+m", "", coloured) == to_text(report)


def test_an_error_as_text() -> None:
    assert error_to_text(AudioError(), name="a\x1b[2J.mp3").startswith("a [2J.mp3: This file could not")
