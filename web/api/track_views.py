"""JSON for programs, the library's part: its tracks, what is like them, its genres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Flask, Response, jsonify
from sqlalchemy.orm import defer

from library.catalogue.listing import MOST_COUNTED, read_genres, read_page
from library.catalogue.tables import Track
from ml.report.schema import Neighbour
from web.access.errors import MissingError
from web.access.language import translator
from web.api.openapi import LARGEST, Parameter, operation
from web.api.previews import track_audio
from web.api.queries import FEEL, FILTERS, SEARCH, ask_of, cursor_of, filter_of, place_of
from web.api.schemas import (
    GENRES,
    NEIGHBOURS,
    TRACK_PAGE,
    has_sound,
    neighbour_facts,
    page_address,
    ref,
    track_facts,
)
from web.api.similar import StillReadingError, neighbourhood
from web.context import service

api = Blueprint("library_api", __name__, url_prefix="/api/v1")

LIMIT = Parameter("limit", "How many tracks a page has.", int, minimum=1, maximum=200, default=50)
BY = Parameter("by", "What they are alike in.", choices=("harmony", "sound"), default="harmony")
COUNT = Parameter("k", "How many neighbours.", int, minimum=1, maximum=50, default=3)


def install(app: Flask) -> None:
    app.register_blueprint(api)


@api.get("/tracks")
@operation(
    "List tracks of the library",
    "Leaf through the pages by asking for the address in `next` until it is null. `count` goes no further than 1000; "
    "`counted_all` says whether there are more.",
    query=(*SEARCH, LIMIT),
    answer=TRACK_PAGE,
    cached=True,
)
def tracks(query: Mapping[str, Any]) -> Response:
    page = read_page(service().catalogue, ask_of(query), query["limit"], place_of(query))
    following = None
    if page.following is not None:
        following = page_address("library_api.tracks", query, cursor_of(query["sort"], page.following))
    return jsonify(
        tracks=[track_facts(track) for track in page.tracks],
        count=min(page.count, MOST_COUNTED),
        counted_all=page.count <= MOST_COUNTED,
        next=following,
    )


@api.get("/tracks/<int:track_id>")
@operation("One track with its report", answer=ref("WholeTrack"), cached=True)
def track(track_id: int) -> Response:
    found = find_track(track_id)
    return jsonify({**track_facts(found), "report": found.report})


@api.get("/tracks/<int:track_id>/neighbours")
@operation(
    "The most similar tracks",
    "By chords, in whatever key, or by how it sounds. `why` says what the two have in common.",
    query=(BY, COUNT, FEEL, *FILTERS),
    answer=NEIGHBOURS,
    errors=(StillReadingError,),
    cached=True,
)
def neighbours(track_id: int, query: Mapping[str, Any]) -> Response:
    found = similar(find_track(track_id), query["by"], query["k"], query)
    return jsonify(by=query["by"], neighbours=[neighbour_facts(one) for one in found])


@api.get("/genres")
@operation(
    "The genres of the library",
    "Each with its name in the language that is asked for, and how many tracks it has.",
    answer=GENRES,
    cached=True,
)
def genres() -> Response:
    counted = sorted(read_genres(service().catalogue).items())
    said = translator().translate
    return jsonify(
        genres=[{"label": label, "name": said(label), "tracks": count} for label, count in counted]
    )


def find_track(track_id: int, *, with_report: bool = True) -> Track:
    """A track that was heard; what could not be is in the ledger alone."""
    how = () if with_report else (defer(Track.report),)
    with service().catalogue.session() as session:
        found = session.get(Track, track_id, options=how) if track_id <= LARGEST else None
    if found is None or found.failure_code is not None or found.features_version is None:
        raise MissingError()
    return found


def similar(track: Track, by: str, count: int, query: Mapping[str, Any]) -> list[Neighbour]:
    """The neighbours of a track, each with an address to play it from where that is possible."""
    library = neighbourhood()
    song = library.song(track.id)
    if song is None or not len(library):
        return []
    livelier = {"livelier": True, "calmer": False}.get(query["feel"])
    found = library.nearest(song, by, count, only=filter_of(query), livelier=livelier)
    return [
        replace(one.neighbour(), preview_url=track_audio(one.track.id) if has_sound(one.track) else None)
        for one in found
    ]
