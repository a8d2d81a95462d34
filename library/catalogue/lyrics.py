"""The words of lyrics: stored for the search, and the line in which a search finds them.

A word that is searched for has no blank in it, so it lies inside one word of the lyrics. Therefore each different word
is stored once for a track, which makes the text that a search reads less than half as long.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.sort_keys import fold
from library.catalogue.tables import TrackReport, TrackWords
from ml.report.cells import clean
from ml.report.schema import Lyrics

MAX_WORDS = 20_000
MAX_WORD_LENGTH = 200
"""What is stored of the lyrics of one track: ten times what is sung in twenty minutes."""
MAX_READ = 20_000
"""How many characters of a track's lyrics are read to find the line of a hit."""
MAX_LINE = 400
"""A longer line is searched in parts: some files have all of their lyrics in one line."""
SHOWN_BEFORE, SHOWN = 40, 160
"""A long line is shown from this many characters before its first hit, and this long."""
_APOSTROPHES = str.maketrans("’‘ʼ´`", "'''''")


@dataclass(frozen=True)
class Piece:
    """A part of a line; `is_hit` where a word of the search was found."""

    text: str
    is_hit: bool


def fold_words(text: str) -> list[str]:
    """The words of a text as they are stored and searched for."""
    return fold(text.translate(_APOSTROPHES)).split()


def write_words(session: Session, track_id: int, lyrics: Lyrics | None) -> None:
    """Store the words of a track in place of those that it had."""
    words = _distinct_words(line.text for line in lyrics.lines) if lyrics else []
    if words:
        session.merge(TrackWords(track_id=track_id, words="\n".join(words)))
    else:
        session.execute(delete(TrackWords).where(TrackWords.track_id == track_id))


def has_words(catalogue: Catalogue) -> bool:
    """Whether any track of the library has lyrics."""
    with catalogue.session() as session:
        return session.scalar(select(TrackWords.track_id).limit(1)) is not None


def word_conditions(text: str, session: Session) -> list[ColumnElement[bool]]:
    """Each of the words must occur, anywhere in a word. None of its characters is a wildcard.

    Both databases can search in both ways; this is the faster way of each.
    """
    words = fold_words(text)
    if session.get_bind().dialect.name == "postgresql":
        return [func.strpos(TrackWords.words, word) > 0 for word in words]
    return [TrackWords.words.contains(word, autoescape=True) for word in words]


def matching_lines(catalogue: Catalogue, track_ids: Collection[int], text: str) -> dict[int, list[Piece]]:
    """For each track, the line of its lyrics with the most words of the text, cut into pieces."""
    words = fold_words(text)
    if not words or not track_ids:
        return {}
    lines = TrackReport.report[("lyrics", "lines")]
    with catalogue.session() as session:
        rows = session.execute(select(TrackReport.track_id, lines).where(TrackReport.track_id.in_(track_ids))).all()
    found = {track_id: _matching_line((line["text"] for line in stored or ()), words) for track_id, stored in rows}
    return {track_id: pieces for track_id, pieces in found.items() if pieces}


def mark(line: str, words: Sequence[str]) -> list[Piece]:
    """The line, with every place marked where one of these folded words occurs; at most `SHOWN` characters of it."""
    letters = clean(line)
    folded, owners = _fold_letters(letters)
    hits: set[int] = set()
    for word in words:
        start = folded.find(word)
        while word and start >= 0:
            hits.update(owners[start : start + len(word)])
            start = folded.find(word, start + len(word))
    first = max(0, min(hits, default=0) - SHOWN_BEFORE)
    pieces: list[Piece] = [Piece("…", False)] if first else []
    for index in range(first, min(len(letters), first + SHOWN)):
        is_hit = index in hits
        if pieces and pieces[-1].is_hit == is_hit:
            pieces[-1] = Piece(pieces[-1].text + letters[index], is_hit)
        else:
            pieces.append(Piece(letters[index], is_hit))
    if first + SHOWN < len(letters):
        pieces.append(Piece("…", False))
    return pieces


def _distinct_words(lines: Iterable[str]) -> list[str]:
    words = (word[:MAX_WORD_LENGTH] for line in lines for word in fold_words(line))
    distinct: dict[str, None] = {}
    for word in words:
        distinct[word] = None
        if len(distinct) == MAX_WORDS:
            break
    return list(distinct)


def _matching_line(lines: Iterable[str], words: Sequence[str]) -> list[Piece]:
    best, most, left = "", 0, MAX_READ
    for part in chain.from_iterable(map(_parts, lines)):
        left -= len(part) + 1
        text = " ".join(fold_words(part))
        if (count := sum(word in text for word in words)) > most:
            best, most = part, count
        if left <= 0 or most == len(words):
            break
    return mark(best, words) if best else []


def _parts(line: str) -> Iterator[str]:
    """The line cut at blanks into parts of at most `MAX_LINE` characters."""
    start = 0
    while len(line) - start > MAX_LINE:
        blank = line.rfind(" ", start + 1, start + MAX_LINE)
        end = blank if blank > 0 else start + MAX_LINE
        yield line[start:end]
        start = end
    yield line[start:]


def _fold_letters(text: str) -> tuple[str, list[int]]:
    """The text folded letter by letter, and for each letter of the result the one that it comes from."""
    folded: list[str] = []
    owners: list[int] = []
    for index, letter in enumerate(text.translate(_APOSTROPHES)):
        part = " " if letter.isspace() else unicodedata.normalize("NFC", fold(letter))
        folded.append(part)
        owners += [index] * len(part)
    return "".join(folded), owners
