from __future__ import annotations

from collections.abc import Sequence

import pytest

from ml.lyrics.speech.hallucinations import compression, split
from ml.report.schema import Word

CHORUS = "we all live in a yellow house by the sea"
VERSE = "early one morning the fisherman went out with his boat and a lamp to look for the moon"


def words(text: str, *, start: float = 0.0, pace: float = 0.4, confidence: float = 0.9) -> list[Word]:
    return [
        Word(word, start + number * pace, start + (number + 0.8) * pace, confidence)
        for number, word in enumerate(text.split())
    ]


def texts(found: Sequence[Word]) -> str:
    return " ".join(word.text for word in found)


def test_sure_words_stay() -> None:
    verse = words(VERSE)
    assert split(verse) == (verse, 0)
    assert split([]) == ([], 0)


def test_an_unsure_word_is_dropped_and_counted() -> None:
    verse = words(VERSE)
    verse[3] = Word("xqz", verse[3].start, verse[3].end, 0.2)
    kept, dropped = split(verse)
    assert "xqz" not in texts(kept) and len(kept) == len(verse) - 1 and dropped == 1


@pytest.mark.parametrize("loop", ["thanks", "thank you", "thanks for watching", CHORUS])
def test_a_loop_is_dropped(loop: str) -> None:
    verse, count = words(VERSE), len(loop.split())
    looped = words(" ".join([loop] * 14), start=60.0)
    assert split([*verse, *looped]) == (verse, 14 * count)


def test_a_loop_that_is_written_differently_each_time_is_dropped() -> None:
    loop = " ".join(f"Thank you {mark} for watching,{mark}" for mark in ("so", "very") * 12)
    assert split(words(loop)) == ([], len(loop.split()))


@pytest.mark.parametrize("sung", ["la la la la la la la", "hey jude hey jude hey jude", " ".join([CHORUS] * 4)])
def test_what_is_sung_several_times_in_a_row_stays(sung: str) -> None:
    song = [*words(VERSE), *words(sung, start=20.0)]
    assert split(song) == (song, 0)


def test_a_chorus_that_returns_stays() -> None:
    song = [word for number in range(8) for word in words(f"{VERSE} {CHORUS} {CHORUS}", start=30.0 * number)]
    assert split(song) == (song, 0)


def test_a_few_words_between_dropped_ones_are_dropped_too() -> None:
    guesses = words("oh the um yeah of so in at", confidence=0.2)
    guesses[2] = Word("rain", guesses[2].start, guesses[2].end, 0.95)
    song = [*words(VERSE, start=60.0), *words("hallelujah", start=100.0)]
    kept, dropped = split([*guesses, *song])
    assert kept == song and dropped == len(guesses)


def test_compression_separates_loop_from_text() -> None:
    assert compression(VERSE + CHORUS) < 2 < 3.4 < compression("so much for this " * 20)
    assert compression("la la la") == 0
