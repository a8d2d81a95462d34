"""The list of analysed tracks: searched, filtered, sorted, and read page by page."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from library.catalogue.database import Catalogue
from library.catalogue.filters import Filter
from library.catalogue.lyrics import word_conditions
from library.catalogue.sort_keys import LAST_TEXT, fold
from library.catalogue.tables import Track, TrackWords

MOST_COUNTED = 1000

SORTS: dict[str, InstrumentedAttribute[Any]] = {
    "title": Track.sort_title,
    "artist": Track.sort_artist,
    "genre": Track.sort_genre,
    "tempo": Track.sort_bpm,
    "key": Track.sort_key,
    "duration": Track.sort_duration,
}


@dataclass(frozen=True)
class Cursor:
    """A position in a sorted list: directly after the track with this sort value and id."""

    value: str | float
    track_id: int


@dataclass(frozen=True)
class ListQuery:
    """Which tracks, in which order. Each word must be in the title, artist, album or file name.

    Each word of `sung` must be in the lyrics.
    """

    words: str = ""
    filter: Filter = field(default_factory=Filter)
    sort: str = "title"
    descending: bool = False
    sung: str = ""


@dataclass(frozen=True)
class Page:
    """Tracks, where the next page begins, and how many tracks all pages have, counted up to `MOST_COUNTED` + 1."""

    tracks: list[Track]
    following: Cursor | None
    count: int


def read_page(catalogue: Catalogue, query: ListQuery, count: int, after: Cursor | None = None) -> Page:
    """The first `count` tracks after a cursor: the last page takes no longer than the first.

    Up to `MOST_COUNTED` matches are collected by id and then sorted. More matches are so dense in the index of the
    sort column that reading along it soon fills a page.
    """
    column = SORTS[query.sort]
    with catalogue.session() as session:
        conditions = _conditions(query, session)
        if sung := word_conditions(query.sung, session):
            conditions.append(_with_words(sung, session))
        matches = session.scalars(select(Track.id).where(*conditions).limit(MOST_COUNTED + 1)).all()
        if len(matches) <= MOST_COUNTED:
            conditions = [Track.id.in_(matches)]
        if after is not None:
            position, start = tuple_(column, Track.id), tuple_(after.value, after.track_id)
            conditions.append(position < start if query.descending else position > start)
        order = [part.desc() if query.descending else part for part in (column, Track.id)]
        # Sort values and ids first, which are sorted several times as fast as whole rows.
        rows = session.execute(select(column, Track.id).where(*conditions).order_by(*order).limit(count + 1)).all()
        shown = [track_id for _, track_id in rows[:count]]
        tracks = {track.id: track for track in session.scalars(select(Track).where(Track.id.in_(shown)))}
    following = Cursor(*rows[count - 1]) if len(rows) > count else None
    return Page([tracks[track_id] for track_id in shown if track_id in tracks], following, len(matches))


def count_genres(catalogue: Catalogue) -> dict[str, int]:
    """Every genre of the library and how many tracks it has."""
    known = select(Track.sort_genre, func.count()).where(Track.sort_genre < LAST_TEXT)
    with catalogue.session() as session:
        return {genre: count for genre, count in session.execute(known.group_by(Track.sort_genre)) if genre}


def genre_names(catalogue: Catalogue) -> list[str]:
    return _distinct(catalogue, Track.sort_genre)


def mood_names(catalogue: Catalogue) -> list[str]:
    """Every mood of the library: the labels of whichever models predicted them."""
    return _distinct(catalogue, Track.mood)


def _distinct(catalogue: Catalogue, column: InstrumentedAttribute[str | None]) -> list[str]:
    """The known values of a column in listed tracks."""
    with catalogue.session() as session:
        return list(session.scalars(_distinct_query(column)))


@cache
def _distinct_query(column: InstrumentedAttribute[str | None]) -> Select[tuple[str]]:
    """A recursive query with one index lookup per value. Building it takes longer than running it, hence the cache."""
    known = select(column).where(column.is_not(None), Track.sort_title.is_not(None)).order_by(column).limit(1)
    values = select(known.scalar_subquery().label("value")).cte("distinct_values", recursive=True)
    following = known.where(column > values.c.value).correlate(values).scalar_subquery()
    values = values.union_all(select(following).where(values.c.value.is_not(None)))
    return select(values.c.value).where(values.c.value != LAST_TEXT).limit(MOST_COUNTED)


def _with_words(sung: list[ColumnElement[bool]], session: Session) -> ColumnElement[bool]:
    """The tracks with these words. Rare words are searched once, in the order in which the lyrics are stored; frequent
    ones are looked up for each track, because they are soon found."""
    found = session.scalars(select(TrackWords.track_id).where(*sung).limit(MOST_COUNTED + 1)).all()
    if len(found) <= MOST_COUNTED:
        return Track.id.in_(found)
    return exists().where(TrackWords.track_id == Track.id, *sung)


def _conditions(query: ListQuery, session: Session) -> list[ColumnElement[bool]]:
    position = func.strpos if session.get_bind().dialect.name == "postgresql" else func.instr
    words = fold(query.words).split()
    return [
        SORTS[query.sort].is_not(None),
        *query.filter.conditions(),
        *(position(Track.search_text, word) > 0 for word in words),
    ]
