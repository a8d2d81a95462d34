"""Text in a terminal: no control characters, and the right width for every letter."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.report.cells import clean, columns, fit, pad, readable_path, wrap


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("\x9b31mred", "31mred"),
        ("a\r\nb\tc", "a b c"),
        ("gpj.\u202e3pm", "gpj. 3pm"),
        ("\udcff.mp3", "\ufffd.mp3"),
        (unicodedata.normalize("NFD", "소리"), "소리"),
        ("한국노래 🎵", "한국노래 🎵"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(st.characters(codec=None)))
def test_clean_text_is_one_printable_line(text: str) -> None:
    cleaned = clean(text)
    assert not {unicodedata.category(letter) for letter in cleaned} & {"Cc", "Cs", "Zl", "Zp"}
    cleaned.encode()


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("소리", 4), ("é", 1), ("e\u0301", 1), ("ｆ", 2), ("", 0)])
def test_columns(text: str, width: int) -> None:
    assert columns(text) == width


@given(st.text(), st.integers(0, 30))
def test_fit_and_pad_keep_the_width(text: str, width: int) -> None:
    assert columns(fit(text, width)) <= width
    assert columns(pad(text, width)) == width


def test_fit_cuts_with_an_ellipsis() -> None:
    assert fit("reggae", 6) == "reggae"
    assert fit("reggae", 5) == "regg…"
    assert fit("소리소리", 6) == "소리…"


@given(st.text("ab 소리", max_size=60), st.integers(2, 30))
def test_wrap_keeps_the_width_and_the_words(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(columns(line) <= width for line in lines)
    if all(columns(word) <= width for word in text.split()):
        assert " ".join(lines).split() == text.split()


def test_each_part_of_a_path_has_an_encoding_of_its_own() -> None:
    path = os.fsdecode("/음악/".encode() + "노래".encode("cp949") + b"/\xff.mp3")
    assert readable_path(path) == "/음악/노래/?.mp3"
