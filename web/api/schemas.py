"""Tracks and their like as JSON, and the schemas that promise what is in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import url_for

from jobs.queue.analyses import STATES
from library.catalogue.tables import Track
from ml.report.schema import Neighbour
from web.api.previews import track_audio, track_page

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
NUMBER: Schema = {"type": "number"}
MAYBE_NUMBER: Schema = {"type": ["number", "null"]}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
WHOLE: Schema = {"type": "integer"}


def things(**properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_SCORE = things(label=TEXT, probability=SHARE)
_KEY = things(tonic=TEXT, mode={"enum": ["major", "minor"]})
_TRACK = {
    "id": WHOLE,
    "title": TEXT,
    "artist": MAYBE_TEXT,
    "album": MAYBE_TEXT,
    "genre": MAYBE_TEXT,
    "mood": MAYBE_TEXT,
    "bpm": MAYBE_NUMBER,
    "key": maybe(_KEY),
    "duration_seconds": MAYBE_NUMBER,
    "url": TEXT,
    "preview_url": MAYBE_TEXT,
}
SCHEMAS: dict[str, Schema] = {
    "Error": things(error=things(code=TEXT, message=TEXT)),
    "Track": things(**_TRACK),
    "WholeTrack": things(**_TRACK, report=maybe(ref("Report"))),
    "Neighbour": things(
        track_id=TEXT,
        title=TEXT,
        artist=MAYBE_TEXT,
        genre=MAYBE_TEXT,
        distance=NUMBER,
        preview_url=MAYBE_TEXT,
        why=maybe(
            things(
                key_relation=MAYBE_TEXT,
                transposition={"type": ["integer", "null"]},
                chroma_overlap=MAYBE_NUMBER,
                tempo_ratio=MAYBE_NUMBER,
                common_tags=many(TEXT),
            )
        ),
    ),
    "Report": things(
        schema={"const": 1},
        title=TEXT,
        artist=MAYBE_TEXT,
        duration_seconds=NUMBER,
        genre=things(top=TEXT, confident={"type": "boolean"}, scores=many(_SCORE)),
        labels=many(TEXT),
        timeline=many(things(start=NUMBER, end=NUMBER, scores=many(SHARE))),
        tempo=maybe(things(bpm=NUMBER, confidence=SHARE, alternatives=many(NUMBER))),
        key=maybe(things(**_KEY["properties"], confidence=SHARE)),
        mood=maybe(things(label=TEXT, arousal=SHARE)),
        tags=many(_SCORE),
        neighbours=things(harmony=many(ref("Neighbour")), sound=many(ref("Neighbour"))),
        findings=many(things(name=TEXT, title=TEXT, text=TEXT, scores=many(_SCORE))),
        notes=many(TEXT),
        model=things(name=TEXT, version=TEXT, sha256=TEXT),
        timings={"type": "object", "additionalProperties": NUMBER},
    ),
    "Analysis": things(
        id=TEXT,
        state={"enum": list(STATES)},
        stage=TEXT,
        progress=SHARE,
        name=TEXT,
        url=TEXT,
        report=maybe(ref("Report")),
        error=maybe(things(code=TEXT, message=TEXT)),
    ),
    "Accepted": things(id=TEXT, state={"enum": list(STATES)}, url=TEXT),
}
TRACK_PAGE = things(tracks=many(ref("Track")), count=WHOLE, counted_all={"type": "boolean"}, next=MAYBE_TEXT)
NEIGHBOURS = things(by={"enum": ["harmony", "sound"]}, neighbours=many(ref("Neighbour")))
GENRES = things(genres=many(things(label=TEXT, name=TEXT, tracks=WHOLE)))


def name_of(track: Track) -> str:
    """What a track is called: its title, else its file's name."""
    stem = os.fsencode(track.path.stem).decode("utf-8", "replace") if track.path else ""
    return track.title or stem or str(track.id)


def has_sound(track: Track) -> bool:
    return track.path is not None and track.path.is_file()


def track_facts(track: Track) -> dict[str, Any]:
    """A track as every list has it."""
    return {
        "id": track.id,
        "title": name_of(track),
        "artist": track.artist,
        "album": track.album,
        "genre": track.genre,
        "mood": track.mood,
        "bpm": track.bpm,
        "key": {"tonic": track.tonic, "mode": track.mode} if track.tonic and track.mode else None,
        "duration_seconds": track.duration_seconds,
        "url": track_page(track.id),
        "preview_url": track_audio(track.id) if has_sound(track) else None,
    }


def neighbour_facts(neighbour: Neighbour) -> Mapping[str, Any]:
    why = neighbour.why
    return {
        **vars(neighbour),
        "why": None if why is None else {**vars(why), "common_tags": list(why.common_tags)},
    }


def page_address(endpoint: str, asked: Mapping[str, Any], after: str) -> str:
    """The same question, from another place on."""
    kept = {name: value for name, value in asked.items() if value not in (None, False) and name != "after"}
    told: dict[str, Any] = {name: "true" if value is True else value for name, value in kept.items()}
    return url_for(endpoint, **told, after=after)
