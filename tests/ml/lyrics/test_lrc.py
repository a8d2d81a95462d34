"""Plain and timed lyrics as text, including hostile ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.lyrics.lrc import MAX_CHARACTERS, MAX_LINE_LENGTH, MAX_LINES, MAX_SECONDS, parse_lines
from ml.report.cells import clean
from ml.report.schema import LyricLine

PIECES = ["[00:01.00]", "[", "]", "<00:01>", "\n", "a", "\x1b[2J", "\u202e"]


def test_plain_lines_have_no_times() -> None:
    assert parse_lines("One line\r\n\r\n  a second \n") == (LyricLine("One line"), LyricLine("a second"))


def test_times_of_lines_are_kept() -> None:
    text = "[ar:Somebody]\n[00:01.50]First\n[00:03.00]\n[01:02.250] Second\n[by:x]"
    assert parse_lines(text) == (LyricLine("First", 1.5, 3.0), LyricLine("Second", 62.25, None))


def test_a_chorus_with_two_times_comes_twice() -> None:
    lines = parse_lines("[00:10.0][00:30.0]Chorus\n[00:20]Verse")
    assert [(line.text, line.start) for line in lines] == [("Chorus", 10.0), ("Verse", 20.0), ("Chorus", 30.0)]


def test_an_offset_moves_the_words_to_an_earlier_time() -> None:
    assert parse_lines("[offset:+500]\n[00:02.0]word")[0].start == 1.5
    assert parse_lines("[offset: -500]\n[00:02.0]word")[0].start == 2.5


def test_times_of_words_are_left_out_of_the_text() -> None:
    assert parse_lines("[00:01.0]<00:01.0>One <00:01.5>two")[0].text == "One two"


def test_remarks_in_brackets_stay() -> None:
    assert [line.text for line in parse_lines("[Chorus]\nLa la")] == ["[Chorus]", "La la"]


@pytest.mark.parametrize("text", ["[99:99.999]x", "[000:00.0]x", "[999:59.9]x", "[offset:99999999]\n[00:01.0]x"])
def test_odd_times_stay_within_a_day(text: str) -> None:
    assert all(0 <= (line.start or 0) <= MAX_SECONDS for line in parse_lines(text))


@given(
    st.text()
    | st.lists(st.sampled_from(["[00:01.00]", "[", "]", "<00:01>", "\n", "a", "\x1b[2J", "\u202e"])).map("".join)
)
def test_any_text_gives_clean_lines(text: str) -> None:
    lines = parse_lines(text)
    assert all(line.text and line.text == clean(line.text) and len(line.text) <= MAX_LINE_LENGTH for line in lines)
    starts = [line.start for line in lines if line.start is not None]
    assert starts == sorted(starts) and len(starts) in (0, len(lines))


def test_long_texts_are_cut() -> None:
    assert len(parse_lines("word\n" * 10 * MAX_LINES)) <= MAX_LINES
    assert len(parse_lines("x" * 1_000_000)[0].text) == MAX_LINE_LENGTH
    assert 0 < sum(len(line.text) for line in parse_lines(f"{'x' * 300}\n" * 3000)) <= MAX_CHARACTERS
    assert len(parse_lines(f"{'[00:01.00]' * 100_000}x")) <= MAX_LINES
