"""The JSON of tracks and analyses, and the schemas of the API, which are made from the dataclasses of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

from flask import request, url_for
from sqlalchemy import select
from sqlalchemy.orm import load_only

from jobs.queue.analyses import STATES
from library.catalogue.tables import Track
from ml.report.keys import MODES
from ml.report.schema import SCHEMA, Neighbour, Neighbours, Report
from web.access.errors import ErrorText
from web.context import service

Schema = dict[str, Any]


@dataclass(frozen=True)
class TrackKey:
    tonic: str
    mode: str


@dataclass(frozen=True)
class TrackAnswer:
    """A track as every list has it."""

    id: int
    title: str
    artist: str | None
    album: str | None
    genre: str | None
    mood: str | None
    bpm: float | None
    key: TrackKey | None
    duration_seconds: float | None
    url: str
    preview_url: str | None


@dataclass(frozen=True)
class AcceptedAnswer:
    id: str
    state: str
    url: str


@dataclass(frozen=True)
class AnalysisAnswer(AcceptedAnswer):
    """An analysis without its report."""

    stage: str
    progress: float
    name: str
    error: ErrorText | None


_COMPONENTS: dict[type, str] = {
    TrackAnswer: "Track",
    Neighbour: "Neighbour",
    Report: "Report",
    AcceptedAnswer: "Accepted",
}
"""Dataclasses whose schemas have a name in the description; those of others stand where they are used."""
_FRACTION: Schema = {"minimum": 0, "maximum": 1}
_CONSTRAINTS: dict[str, Schema] = {
    **dict.fromkeys(("probability", "confidence", "arousal", "scores", "progress"), _FRACTION),
    "mode": {"enum": list(MODES)},
    "state": {"enum": list(STATES)},
}
"""What holds beside the type, by the names of fields, which mean the same in every dataclass."""
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def schema_of(kind: type) -> Schema:
    """The schema of a dataclass. Every field is required, as every answer has all of them."""
    hints = get_type_hints(kind)
    first = {"schema": {"const": SCHEMA}} if kind is Report else {}
    return objects(**first, **{field.name: _of_field(field.name, hints[field.name]) for field in fields(kind)})


def _of_field(name: str, kind: Any) -> Schema:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _COMPONENTS:
        return ref(_COMPONENTS[kind])
    if is_dataclass(kind):
        return schema_of(cast(type, kind))
    if origin is UnionType:
        return {"anyOf": [_of_field(name, argument) for argument in arguments]}
    if origin is tuple:
        return many(_of_field(name, arguments[0]))
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_field(name, arguments[1])}
    constraint = {} if kind is NoneType else _CONSTRAINTS.get(name, {})
    return {"type": _TYPES[kind], **constraint}


def objects(**properties: Schema) -> Schema:
    """Objects that have all of these properties."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _with_report(kind: type) -> Schema:
    return objects(**schema_of(kind)["properties"], report={"anyOf": [ref("Report"), {"type": "null"}]})


SCHEMAS = {
    **{name: schema_of(kind) for kind, name in _COMPONENTS.items()},
    "Error": objects(error=schema_of(ErrorText)),
    "WholeTrack": _with_report(TrackAnswer),
    "Analysis": _with_report(AnalysisAnswer),
}
_TEXT, _WHOLE = {"type": "string"}, {"type": "integer"}
TRACK_PAGE = objects(
    tracks=many(ref("Track")), count=_WHOLE, counted_all={"type": "boolean"}, next={"type": ["string", "null"]}
)
NEIGHBOURS = objects(by={"enum": ["harmony", "sound"]}, neighbours=many(ref("Neighbour")))
GENRES = objects(genres=many(objects(label=_TEXT, name=_TEXT, tracks=_WHOLE)))


def track_facts(track: Track) -> dict[str, Any]:
    answer = TrackAnswer(
        id=track.id,
        title=track.name,
        artist=track.artist,
        album=track.album,
        genre=track.genre,
        mood=track.mood,
        bpm=track.bpm,
        key=TrackKey(track.tonic, track.mode) if track.tonic and track.mode else None,
        duration_seconds=track.duration_seconds,
        url=track_page(track.id),
        preview_url=preview_url(track),
    )
    return asdict(answer)


def page_address(endpoint: str, query: Mapping[str, Any], after: str) -> str:
    """The address of the part of a list that begins after the place `after`."""
    given = {name: value for name, value in query.items() if value not in (None, False) and name != "after"}
    values: dict[str, Any] = {name: "true" if value is True else value for name, value in given.items()}
    return url_for(endpoint, **values, after=after)


def track_page(track_id: str | int) -> str:
    return f"{request.script_root}/library/{track_id}"


def preview_url(track: Track) -> str | None:
    return f"{track_page(track.id)}/audio" if track.path is not None and track.path.is_file() else None


def with_previews(report: Report) -> Report:
    """The report with the current `preview_url` of every neighbour."""
    by_kind: dict[str, tuple[Neighbour, ...]] = vars(report.neighbours)
    urls = _preview_urls({neighbour.track_id for kind in by_kind.values() for neighbour in kind})
    updated = {
        by: tuple(replace(neighbour, preview_url=urls.get(neighbour.track_id)) for neighbour in neighbours)
        for by, neighbours in by_kind.items()
    }
    return replace(report, neighbours=Neighbours(**updated))


def _preview_urls(track_ids: set[str]) -> dict[str, str | None]:
    numbers = [int(track_id) for track_id in track_ids if track_id.isascii() and track_id.isdigit()]
    with service().catalogue.session() as session:
        tracks = select(Track).where(Track.id.in_(numbers)).options(load_only(Track.path))
        return {str(track.id): preview_url(track) for track in session.scalars(tracks)}
