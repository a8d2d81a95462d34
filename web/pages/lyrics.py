"""Lyrics on a page, within a bound on its size, and as files. They come from strangers: every text is cleaned."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

from ml.report.cells import clean
from ml.report.lyrics_text import is_uncertain
from ml.report.schema import LyricLine, Lyrics, Report, Word

MAX_WORD = 1000
"""A longer word is cut."""
MAX_LETTERS, LEAST_WORD, LEAST_LINE = 24_000, 5, 20
"""How many letters of the lyrics a page shows, and what a short word and a short line count as at least: 3,000 words
fit. The files have all of them."""
_TAG = re.compile(r"\[([^\]]*:[^\]]*)\]")
"""What a player reads in a line of an .lrc file as a time or a setting."""


@dataclass(frozen=True)
class Run:
    """Consecutive words of a line that are all certain or all uncertain."""

    text: str
    is_uncertain: bool


@dataclass(frozen=True)
class ShownLine:
    """`steps` are tenths of a second: from the start of the line to the first word, from each word to the next, and
    from the last one to its end."""

    start: float | None
    runs: tuple[Run, ...]
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class ShownLyrics:
    lines: tuple[ShownLine, ...]
    left_out: int
    """Words that the page has no room for."""
    has_uncertain: bool


def shown_lyrics(lyrics: Lyrics) -> ShownLyrics:
    """The beginning of the lyrics, as much as a page shows."""
    lines: list[ShownLine] = []
    left, left_out = MAX_LETTERS, 0
    for line in lyrics.lines:
        if left <= 0:
            left_out += len(line.text.split())
            continue
        shown, omitted = _shown_line(line, left)
        left -= max(LEAST_LINE, sum(map(_size, " ".join(run.text for run in shown.runs).split(" "))))
        left_out += omitted
        if shown.runs:
            lines.append(shown)
    uncertain = any(run.is_uncertain for line in lines for run in line.runs)
    return ShownLyrics(tuple(lines), left_out, uncertain)


def has_times(lyrics: Lyrics) -> bool:
    return any(_time(line.start) is not None for line in lyrics.lines)


def to_lrc(report: Report, lyrics: Lyrics) -> str:
    """The lyrics as an .lrc file, with the time of each line that has one."""
    lines = [f"[ti:{_plain(report.title)}]", *([f"[ar:{_plain(report.artist)}]"] if report.artist else [])]
    for line in lyrics.lines:
        start = _time(line.start)
        lines.append(("" if start is None else _lrc_time(start)) + _TAG.sub(r"(\1)", clean(line.text)))
    return "\n".join(lines) + "\n"


def to_text(lyrics: Lyrics) -> str:
    return "\n".join(clean(line.text) for line in lyrics.lines) + "\n"


def _shown_line(line: LyricLine, room: int) -> tuple[ShownLine, int]:
    """The line as far as there is room for it, and how many words are left out."""
    start = _time(line.start)
    words = [word for word in line.words if clean(word.text)]
    if not words:
        texts = [_cut(word) for word in clean(line.text).split()]
        fitting = texts[: _count_fitting(texts, room)]
        return ShownLine(start, (Run(" ".join(fitting), False),) if fitting else ()), len(texts) - len(fitting)
    sung = words[: _count_fitting([_one_word(word) for word in words], room)]
    runs = tuple(
        Run(" ".join(_one_word(word) for word in run), uncertain) for uncertain, run in groupby(sung, is_uncertain)
    )
    return ShownLine(start, runs, _steps(sung, start)), len(words) - len(sung)


def _count_fitting(words: Sequence[str], room: int) -> int:
    """How many of the words fit into the room."""
    return bisect_right(list(accumulate(map(_size, words))), room)


def _size(word: str) -> int:
    return max(LEAST_WORD, len(word) + 1)


def _steps(words: Sequence[Word], start: float | None) -> tuple[int, ...]:
    """From the time on the page, which has tenths of a second. Never negative; empty where a time is not known."""
    times = [_time(time) for time in (*(word.start for word in words), *(word.end for word in words[-1:]))]
    known = [time for time in times if time is not None]
    if start is None or len(known) < len(times):
        return ()
    tenths = list(accumulate((round(10 * time) - round(10 * start) for time in known), max, initial=0))
    return tuple(later - earlier for earlier, later in pairwise(tenths))


def _one_word(word: Word) -> str:
    """A word without blanks: the page's script finds words by them."""
    return _cut("\N{NO-BREAK SPACE}".join(clean(word.text).split()))


def _cut(word: str) -> str:
    return word if len(word) <= MAX_WORD else word[:MAX_WORD] + "…"


def _time(seconds: float | None) -> float | None:
    """A time that a page can use: a number, and not before the song."""
    return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None


def _lrc_time(seconds: float) -> str:
    minutes, hundredths = divmod(round(100 * seconds), 6000)
    return f"[{minutes:02}:{hundredths // 100:02}.{hundredths % 100:02}]"


def _plain(text: str) -> str:
    return clean(text).replace("[", "(").replace("]", ")")
