"""What may be asked of the library: the same questions from the form on its page and from a program."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

from library.catalogue.filters import Filter
from library.catalogue.listing import SORTS, Ask, Place
from ml.report.keys import MODES, TONICS
from web.api.openapi import LARGEST, BadParameterError, Parameter

KEYS = tuple(f"{tonic} {mode}" for mode in MODES for tonic in TONICS)
MOODS = ("calm", "exciting")
ORDERS = tuple(sign + name for name in SORTS for sign in ("", "-"))
FASTEST_BPM = 1000

FEEL = Parameter(
    "feel", "Only tracks that are clearly livelier, or calmer, than this one.", choices=("livelier", "calmer")
)
FILTERS = (
    Parameter("genre", "Only tracks of this genre."),
    Parameter("mood", "Only tracks of this mood.", choices=MOODS),
    Parameter(
        "slowest",
        "Only tracks with at least so many beats per minute.",
        float,
        minimum=0,
        maximum=FASTEST_BPM,
    ),
    Parameter(
        "fastest", "Only tracks with at most so many beats per minute.", float, minimum=0, maximum=FASTEST_BPM
    ),
    Parameter("key", "Only tracks in this key.", choices=KEYS),
    Parameter("own", "Only tracks whose file is on this server.", bool),
)
SEARCH = (
    Parameter(
        "q", "Words that must all be in title, artist, album or file name; case and accents are ignored."
    ),
    *FILTERS,
    Parameter(
        "sort",
        "The order; a minus turns it round. What is unknown counts as larger than everything.",
        choices=ORDERS,
        default="title",
    ),
    Parameter(
        "after", "The place where the last page ended; the address in `next` holds it.", max_length=1000
    ),
)


class CursorError(BadParameterError):
    sentence = "The parameter {name} is no place in this list. Begin with the first page."


def filter_of(asked: Mapping[str, Any]) -> Filter:
    tonic, _, mode = (asked["key"] or "").partition(" ")
    return Filter(
        genre=asked["genre"],
        mood=asked["mood"],
        slowest_bpm=asked["slowest"],
        fastest_bpm=asked["fastest"],
        key=(tonic, mode) if asked["key"] else None,
        own=bool(asked["own"]),
    )


def ask_of(asked: Mapping[str, Any]) -> Ask:
    order = str(asked["sort"])
    return Ask(asked["q"] or "", filter_of(asked), order.removeprefix("-"), order.startswith("-"))


def cursor_of(order: str, place: Place) -> str:
    """A place as a word in an address. It holds for one order alone."""
    told = json.dumps([order, place.value, place.track_id], ensure_ascii=False)
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def place_of(asked: Mapping[str, Any]) -> Place | None:
    cursor = asked["after"]
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        order, value, track_id = json.loads(raw)
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise CursorError(name="after") from error
    textual = str(asked["sort"]).removeprefix("-") in ("title", "artist", "genre")
    if order != asked["sort"] or type(track_id) is not int or not 0 < track_id <= LARGEST:
        raise CursorError(name="after")
    if textual and isinstance(value, str):
        return Place(value.replace("\0", "").encode("utf-8", "replace").decode(), track_id)
    if not textual and type(value) in (int, float) and math.isfinite(value) and abs(value) <= LARGEST:
        return Place(value, track_id)
    raise CursorError(name="after")
