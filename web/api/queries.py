"""Query parameters of the library, the same for the form on its page and for the API."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from library.catalogue.filters import Filter
from library.catalogue.listing import SORTS, Cursor, ListQuery
from ml.report.keys import KEYS
from web.api.openapi import LARGEST, BadParameterError, Parameter

MAX_BPM = 1000

FEEL = Parameter(
    "feel", "Only tracks that are clearly livelier or calmer than this one.", choices=("livelier", "calmer")
)
FILTERS = (
    Parameter("genre", "Only tracks of this genre."),
    Parameter("mood", "Only tracks of this mood, as tracks name it. No track matches an unknown mood."),
    Parameter("slowest", "Minimum tempo in beats per minute.", float, minimum=0, maximum=MAX_BPM),
    Parameter("fastest", "Maximum tempo in beats per minute.", float, minimum=0, maximum=MAX_BPM),
    Parameter("key", "Only tracks in this key.", choices=tuple(f"{tonic} {mode}" for tonic, mode in KEYS)),
    Parameter("own", "Only tracks whose file is on this server.", bool),
)
WORDS = Parameter(
    "words", "Words that must all be sung: they must all appear in the lyrics. Case and accents are ignored."
)
SEARCH = (
    Parameter(
        "q", "Words that must all appear in the title, artist, album or file name. Case and accents are ignored."
    ),
    WORDS,
    *FILTERS,
    Parameter(
        "sort",
        "Sort order; a leading minus reverses it. Unknown values count as the largest.",
        choices=tuple(sign + name for name in SORTS for sign in ("", "-")),
        default="title",
    ),
    Parameter("after", "Where the previous page ended; part of the address in `next`.", max_length=1000),
)


class CursorError(BadParameterError):
    sentence = "The parameter {name} is not a position in this list. Start again from the first page."


def filter_of(query: Mapping[str, Any]) -> Filter:
    tonic, _, mode = (query["key"] or "").partition(" ")
    return Filter(
        genre=query["genre"],
        mood=query["mood"],
        slowest_bpm=query["slowest"],
        fastest_bpm=query["fastest"],
        key=(tonic, mode) if query["key"] else None,
        own=bool(query["own"]),
    )


def list_query_of(query: Mapping[str, Any]) -> ListQuery:
    order = str(query["sort"])
    return ListQuery(
        query["q"] or "", filter_of(query), order.removeprefix("-"), order.startswith("-"), query["words"] or ""
    )


def encode_cursor(order: str, cursor: Cursor) -> str:
    """A position in a list as text for an address. It is valid for one order only."""
    values = json.dumps([order, cursor.value, cursor.track_id], ensure_ascii=False)
    return base64.urlsafe_b64encode(values.encode()).decode().rstrip("=")


def decode_cursor(query: Mapping[str, Any]) -> Cursor | None:
    cursor, order = query["after"], str(query["sort"])
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        cursor_order, value, track_id = json.loads(raw)
    except (ValueError, TypeError, RecursionError) as error:
        raise CursorError(name="after") from error
    if cursor_order == order and type(track_id) is int and 0 < track_id <= LARGEST:
        is_text = order.removeprefix("-") in ("title", "artist", "genre")
        if is_text and isinstance(value, str):
            return Cursor(value.replace("\0", "").encode("utf-8", "replace").decode(), track_id)
        if not is_text and type(value) in (int, float) and abs(value) <= LARGEST:
            return Cursor(value, track_id)
    raise CursorError(name="after")
