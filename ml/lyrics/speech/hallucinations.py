"""Hallucinations: words that a model writes although nobody sings them.

Over loud music and noise a model is unsure, or it repeats itself. Both kinds of words are dropped and counted. What is
really repeated, such as a chorus, stays: it repeats a few times in a row at most, or with other lines between.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import groupby

from ml.report.schema import Word

MIN_CONFIDENCE = 0.45
"""Words below it are dropped. Random output is far below, clear speech above 0.8."""

LONGEST_LOOP = 12
"""Words of the longest phrase that is looked for."""
MOST_REPEATS = {1: 10, 2: 8}
"""How often a single word ("la") or two words are sung in a row at most."""
MOST_PHRASE_REPEATS = 5
"""The same for longer phrases."""

WINDOW_SECONDS = 30.0
SHORTEST_TEXT = 100
"""A shorter text compresses badly in any case."""
MOST_COMPRESSION = 3.4
"""Bytes of the text over bytes of its zlib stream. A chorus of four equal lines has less, a loop more. Whisper's own
limit, 2.4, is for speech, which repeats less than songs."""

PART_PAUSE_SECONDS = 4.0
"""A longer pause begins another part of the song."""
LEAST_LEFT = 0.34
"""If a smaller share of a part's words is left, the rest is dropped too."""
FEW_WORDS = 2
"""So is the rest of a part from which words were dropped when no more than this many are left."""


def split(words: Sequence[Word]) -> tuple[list[Word], int]:
    """The words that were most likely sung, in order, and the number of others."""
    kept = [False] * len(words)
    repeated = _repeated(words)
    for part in _parts(words):
        good = [number for number in part if words[number].confidence >= MIN_CONFIDENCE and not repeated[number]]
        complete = len(good) == len(part)
        if complete or (len(good) > FEW_WORDS and len(good) >= LEAST_LEFT * len(part)):
            for number in good:
                kept[number] = True
    left = [word for word, is_kept in zip(words, kept, strict=True) if is_kept]
    return left, len(words) - len(left)


def _parts(words: Sequence[Word]) -> list[list[int]]:
    """The numbers of the words, cut where nothing is sung for long."""
    parts: list[list[int]] = []
    for number, word in enumerate(words):
        if parts and word.start - words[number - 1].end <= PART_PAUSE_SECONDS:
            parts[-1].append(number)
        else:
            parts.append([number])
    return parts


def _repeated(words: Sequence[Word]) -> list[bool]:
    """Which words belong to a loop."""
    texts = [re.sub(r"\W", "", word.text).lower() for word in words]
    repeated = [False] * len(words)
    for length in range(1, LONGEST_LOOP + 1):
        for start, end in _runs(texts, length):
            if (end - start) / length > MOST_REPEATS.get(length, MOST_PHRASE_REPEATS):
                repeated[start:end] = [True] * (end - start)
    for start, end in _windows(words):
        if compression(" ".join(texts[start:end])) > MOST_COMPRESSION:
            repeated[start:end] = [True] * (end - start)
    return repeated


def _runs(texts: Sequence[str], length: int) -> list[tuple[int, int]]:
    """Where a phrase of `length` words follows itself: the run of word numbers, from its first word to its end."""
    same = [texts[number] == texts[number + length] for number in range(len(texts) - length)]
    runs, start = [], 0
    for is_same, group in groupby(same):
        count = len(list(group))
        if is_same and count >= length:
            runs.append((start, start + count + length))
        start += count
    return runs


def _windows(words: Sequence[Word]) -> list[tuple[int, int]]:
    """Word numbers of each half minute, as the model got the sound."""
    windows: list[tuple[int, int]] = []
    start = 0
    for number, word in enumerate(words):
        if word.start - words[start].start > WINDOW_SECONDS:
            windows.append((start, number))
            start = number
    return [*windows, (start, len(words))] if words else []


def compression(text: str) -> float:
    """How many times smaller the text becomes; 0 for a text that is too short to say."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if len(data) >= SHORTEST_TEXT else 0.0
