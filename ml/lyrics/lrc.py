"""Lyrics as text: plain lines, or LRC with a time in front of each line.

Texts come from strangers, so every line is cleaned and their number is limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from ml.report.cells import clean
from ml.report.schema import LyricLine

MAX_LINES = 3000
MAX_LINE_LENGTH = 400
"""Characters. A longer line is cut."""
MAX_CHARACTERS = 100_000
"""Of all lines together. No song has as many."""
MAX_SECONDS = 24 * 3600.0

_TIME = re.compile(r"\[(\d{1,3}):(\d{1,2}(?:[.:]\d{1,3})?)\]")
_WORD_TIME = re.compile(r"<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>")
"""Some players write a time in front of each word too."""
_HEADER = re.compile(r"\[([a-z#]{1,12}):([^\]\n]{0,300})\]", re.IGNORECASE)
"""`[ar:Artist]`, `[offset:+250]` …"""


def parse_lines(text: str) -> tuple[LyricLine, ...]:
    """The lines in the order of their times; those without a time only if no line has one."""
    timed: list[tuple[float, str]] = []
    plain: list[str] = []
    shift = 0.0
    for raw in text.splitlines()[: 4 * MAX_LINES]:
        line = raw[: 2 * MAX_LINE_LENGTH].strip("\ufeff \t\0")
        if header := _HEADER.fullmatch(line):
            shift = _shift(*header.groups()) or shift
            continue
        times, line = _split_times(line)
        line = _WORD_TIME.sub("", line)
        timed.extend((seconds, line) for seconds in times)
        if not times:
            plain.append(line)
    if timed:
        # A positive offset shows the words earlier.
        return timed_lines(sorted(((seconds - shift, line) for seconds, line in timed), key=lambda pair: pair[0]))
    return plain_lines(plain)


def timed_lines(pairs: Iterable[tuple[float, str]]) -> tuple[LyricLine, ...]:
    """Lines that begin at these seconds, in order. Each ends where the next one begins, also an empty one."""
    found: list[LyricLine] = []
    starts = [(min(max(seconds, 0.0), MAX_SECONDS), _clean(line)) for seconds, line in pairs][:MAX_LINES]
    for number, (start, text) in enumerate(starts):
        if text:
            end = starts[number + 1][0] if number + 1 < len(starts) else None
            found.append(LyricLine(text, round(start, 3), None if end is None else round(end, 3)))
    return _bounded(found)


def plain_lines(lines: Iterable[str]) -> tuple[LyricLine, ...]:
    return _bounded(LyricLine(text) for line in lines if (text := _clean(line)))


def _bounded(lines: Iterable[LyricLine]) -> tuple[LyricLine, ...]:
    found: list[LyricLine] = []
    left = MAX_CHARACTERS
    for line in islice(lines, MAX_LINES):
        left -= len(line.text)
        if left < 0:
            break
        found.append(line)
    return tuple(found)


def _split_times(line: str) -> tuple[list[float], str]:
    """The times in front of a line, of which a chorus has several, and the rest."""
    times: list[float] = []
    while match := _TIME.match(line):
        minutes, seconds = match.groups()
        times.append(60 * int(minutes) + float(seconds.replace(":", ".")))
        line = line[match.end() :].lstrip()
    return times, line


def _shift(name: str, value: str) -> float:
    """Seconds by which the words come earlier, if the header says so."""
    if name.lower() != "offset" or not re.fullmatch(r"\s*[+-]?\d{1,7}\s*", value):
        return 0.0
    return int(value) / 1000


def _clean(line: str) -> str:
    return clean(line[:MAX_LINE_LENGTH])
