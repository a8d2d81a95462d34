"""From a text to its language, its words, and the terms that TF-IDF counts. Standard library only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
HANGUL = re.compile("[\uac00-\ud7a3]")
LATIN = re.compile("[a-z]")

ENGLISH, KOREAN = "en", "ko"
MOST_CHARACTERS = 100_000
"""A longer text is cut: no song has as many characters."""
HANGUL_SHARE = 0.5
LATIN_SHARE = 0.9
ENGLISH_SHARE = 0.08
"""The least share of `ENGLISH_WORDS` among the words of an English text. Other languages stay well below it."""
_FREQUENT = """the and you i it my of that to is your be for with this they we what have but from just
don't i'm it's you're i'll can't she her his when if there know like got are were how where never"""
ENGLISH_WORDS = frozenset(_FREQUENT.split())
"""Frequent English words that are no words of the neighbouring languages."""


def normalise(text: str) -> str:
    """Compatibility forms, typographic apostrophes and case are undone, so that equal words are equal strings."""
    return unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]).replace("’", "'").casefold()


def words(text: str) -> list[str]:
    """The words of a text in any script, lower case, without digits and punctuation."""
    return WORD.findall(normalise(text))


def find_language(found: list[str]) -> str | None:
    """`en` or `ko` from the words of a text; None for another script or language."""
    letters = "".join(found)
    if not letters:
        return None
    if len(HANGUL.findall(letters)) > HANGUL_SHARE * len(letters):
        return KOREAN
    is_latin = len(LATIN.findall(letters)) >= LATIN_SHARE * len(letters)
    frequent = sum(word in ENGLISH_WORDS for word in found)
    return ENGLISH if is_latin and frequent >= ENGLISH_SHARE * len(found) else None


def single_words(found: list[str]) -> Iterator[str]:
    yield from found


def words_and_pairs(found: list[str]) -> Iterator[str]:
    """Words and pairs of neighbouring words; never more, so that no line of a song can be read from the terms."""
    yield from found
    yield from map(" ".join, pairwise(found))


def characters(found: list[str]) -> Iterator[str]:
    """Up to three letters in a row inside a word; a space marks its beginning or end.

    Korean words take many endings, and this finds their stems without a dictionary.
    """
    for word in found:
        padded = f" {word} "
        for size in (1, 2, 3):
            for start in range(len(padded) - size + 1):
                term = padded[start : start + size]
                if term != " ":
                    yield term


TERMS: dict[str, Callable[[list[str]], Iterator[str]]] = {
    "words": single_words,
    "pairs": words_and_pairs,
    "characters": characters,
}
"""The kinds of terms; the name of one is part of a TF-IDF model."""
