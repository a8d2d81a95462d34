"""The words of a song at a terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ml.report.cells import columns
from ml.report.lyrics_text import lyrics_to_lines
from ml.report.schema import Genre, LyricLine, Lyrics, Report, Score, Word
from ml.report.text import PLAIN, Look, to_text
from ml.report.translation import ENGLISH, Translator

GENRE = Genre("country", True, (Score("country", 0.7), Score("rock", 0.2), Score("pop", 0.1)))
SUNG = Lyrics(
    "transcription",
    (LyricLine("down the river", 61.0, 63.0, (Word("down", 61, 61.4, 0.9), Word("the", 62, 62.1, 0.3))),),
    "small-model",
    dropped_words=4,
    genre=GENRE,
    combined=GENRE,
)


def test_transcribed_words() -> None:
    assert list(lyrics_to_lines(SUNG, 80, ENGLISH)) == [
        "Words (Experimental)",
        "  The words were transcribed by small-model.",
        "  1:01  down the? (60%)",
        "  4 words were left out, because the model most likely made them up.",
        "  Genre by words: country 70%, rock 20%, pop 10%",
        "  Genre by sound and words: country 70%, rock 20%, pop 10%",
    ]


def test_written_words_have_no_confidence() -> None:
    lyrics = Lyrics("tags", (LyricLine("First"), LyricLine("Second")))
    assert list(lyrics_to_lines(lyrics, 80, ENGLISH)) == [
        "Words (Experimental)",
        "  The words are from the file’s tags.",
        "  First",
        "  Second",
    ]


def test_no_words() -> None:
    assert list(lyrics_to_lines(Lyrics("transcription", (), "m"), 80, ENGLISH))[1:] == ["  No words found."]


@pytest.mark.parametrize("width", [20, 33, 80])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_lines_fit_and_hold_no_controls(report: Report, width: int, language: str) -> None:
    hostile = Lyrics(
        "transcription", (LyricLine("\x1b[2J" + "긴 줄 " * 50, 1.0), *SUNG.lines), "\x1b]0;x\x07", 2, GENRE
    )
    text = to_text(replace(report, lyrics=hostile), translator=Translator(language), look=Look(width))
    assert all(columns(line) <= width for line in text.splitlines())
    assert "\x1b" not in text


def test_a_report_without_lyrics_has_no_section(report: Report) -> None:
    assert "Experimental" not in to_text(report, look=PLAIN)


def test_the_report_survives_json(report: Report) -> None:
    with_words = replace(report, lyrics=SUNG)
    assert Report.from_dict(with_words.to_dict()) == with_words
    assert Report.from_dict({key: value for key, value in report.to_dict().items() if key != "lyrics"}).lyrics is None
