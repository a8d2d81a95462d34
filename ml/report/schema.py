"""The `Report`: the single result that every writer renders. Standard library only, plain Python numbers.

`to_dict` is schema 1 as the HTTP interface and `--json` give it; `from_dict` reads it back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class Score:
    label: str
    probability: float


@dataclass(frozen=True)
class Genre:
    """Scores are ordered highest first; `confident` is False when the song is like none of the labels."""

    top: str
    confident: bool
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Moment:
    """One step of the timeline; `scores` follow the order of `Report.labels`."""

    start: float
    end: float
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Tempo:
    bpm: float
    confidence: float
    alternatives: tuple[float, ...]


@dataclass(frozen=True)
class Key:
    tonic: str
    mode: str
    confidence: float


@dataclass(frozen=True)
class Mood:
    label: str
    arousal: float


@dataclass(frozen=True)
class Why:
    """Why a neighbour is near. `transposition` is how many semitones (-5..6) it lies above the song; `chroma_overlap`
    (0..1) is how much of the mean chroma they share when that is undone; `tempo_ratio` is its tempo over the song's."""

    key_relation: str | None = None
    transposition: int | None = None
    chroma_overlap: float | None = None
    tempo_ratio: float | None = None
    common_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Neighbour:
    track_id: str
    title: str
    artist: str | None
    genre: str | None
    distance: float
    preview_url: str | None = None
    why: Why | None = None


@dataclass(frozen=True)
class Neighbours:
    harmony: tuple[Neighbour, ...] = ()
    sound: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What an optional analyser adds: a titled sentence, with scores where it has some."""

    name: str
    title: str
    text: str
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True)
class Model:
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Report:
    title: str
    artist: str | None
    duration_seconds: float
    genre: Genre
    timeline: tuple[Moment, ...]
    labels: tuple[str, ...]
    tempo: Tempo | None
    key: Key | None
    tags: tuple[Score, ...]
    model: Model
    mood: Mood | None = None
    arousal: tuple[float, ...] = ()
    """Of each moment of the timeline, where a mood is known."""
    motion: tuple[float, ...] = ()
    """What mood is judged by beside the evidence (`ml.features.motion`); kept so that it can be judged again."""
    neighbours: Neighbours = Neighbours()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Report:
        """Rebuild a report; an unknown schema is refused rather than guessed at."""
        if data.get("schema") != SCHEMA:
            raise ValueError(f"report schema {data.get('schema')!r} is not {SCHEMA}")
        return cls(
            title=data["title"],
            artist=data["artist"],
            duration_seconds=data["duration_seconds"],
            genre=Genre(
                data["genre"]["top"], data["genre"]["confident"], _all(Score, data["genre"]["scores"])
            ),
            timeline=tuple(Moment(m["start"], m["end"], tuple(m["scores"])) for m in data["timeline"]),
            labels=tuple(data["labels"]),
            tempo=_one(Tempo, data["tempo"], alternatives=tuple),
            key=_one(Key, data["key"]),
            mood=_one(Mood, data["mood"]),
            arousal=tuple(data.get("arousal", ())),
            motion=tuple(data.get("motion", ())),
            tags=_all(Score, data["tags"]),
            neighbours=Neighbours(
                **{by: tuple(map(_neighbour, rows)) for by, rows in data["neighbours"].items()}
            ),
            findings=tuple(
                Finding(f["name"], f["title"], f["text"], _all(Score, f["scores"])) for f in data["findings"]
            ),
            notes=tuple(data["notes"]),
            model=Model(**data["model"]),
            timings=dict(data["timings"]),
        )


def _neighbour(row: dict[str, Any]) -> Neighbour:
    return Neighbour(**{**row, "why": _one(Why, row.get("why"), common_tags=tuple)})


def _all(kind: Any, rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    return tuple(kind(**row) for row in rows)


def _one(kind: Any, row: dict[str, Any] | None, **convert: Any) -> Any:
    if row is None:
        return None
    return kind(**{name: convert.get(name, lambda v: v)(value) for name, value in row.items()})
