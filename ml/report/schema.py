"""The `Report`: the result of one analysis, which every writer renders. Plain Python numbers only.

`to_dict` gives schema 1, as the HTTP interface and `--json` show it; `from_dict` reads it back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

SCHEMA = 1


@dataclass(frozen=True)
class Score:
    """`probability` is 0..1, as in every score of a report."""

    label: str
    probability: float


@dataclass(frozen=True)
class Genre:
    """`scores` are ordered highest first; `confident` is False when the song resembles none of the labels."""

    top: str
    confident: bool
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Moment:
    """One step of the timeline, from `start` to `end` in seconds; `scores` follow the order of `Report.labels`."""

    start: float
    end: float
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Tempo:
    """`alternatives` are other plausible tempi in beats per minute, most often half or double of `bpm`."""

    bpm: float
    confidence: float
    alternatives: tuple[float, ...]


@dataclass(frozen=True)
class Key:
    """`tonic` and `mode` are spelled as in `ml.report.keys.TONICS` and `MODES`."""

    tonic: str
    mode: str
    confidence: float


@dataclass(frozen=True)
class Mood:
    """`arousal` is the energy of the music: 0 is calm, 1 is exciting."""

    label: str
    arousal: float


@dataclass(frozen=True)
class Why:
    """Why a neighbour is similar to the song.

    `transposition` is how many semitones (-5..6) the neighbour lies above the song; `chroma_overlap` (0..1) is how
    much of the mean chroma they share once the transposition is undone; `tempo_ratio` is its tempo over the song's.
    """

    key_relation: str | None = None
    transposition: int | None = None
    chroma_overlap: float | None = None
    tempo_ratio: float | None = None
    common_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A similar track of the library or the reference catalogue; a smaller `distance` is more similar."""

    track_id: str
    title: str
    artist: str | None
    genre: str | None
    distance: float
    preview_url: str | None = None
    why: Why | None = None


@dataclass(frozen=True)
class Neighbours:
    """The most similar tracks by harmony (chromagram) and by sound (embedding), nearest first."""

    harmony: tuple[Neighbour, ...] = ()
    sound: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Finding:
    """The result of an optional analyser: a title and a sentence, with scores where it has some."""

    name: str
    title: str
    text: str
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True)
class Word:
    """A word that was transcribed: when it is sung, in seconds, and how sure the model is (0..1)."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class LyricLine:
    """A line of the lyrics. Times are in seconds, None where only the text is known; `words` only if transcribed."""

    text: str
    start: float | None = None
    end: float | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Lyrics:
    """The words of a song and the genre that they suggest. No `lines`: no words were found."""

    source: str
    """`tags`, `file` (a text beside the song) or `transcription`."""
    lines: tuple[LyricLine, ...]
    model: str = ""
    """The model that transcribed them."""
    dropped_words: int = 0
    """Words that the model gave but most likely made up; they are not among the lines."""
    genre: Genre | None = None
    """By the words alone; its labels can differ from those of the report."""
    combined: Genre | None = None
    """By sound and words together."""


@dataclass(frozen=True)
class Model:
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Report:
    """Everything that one analysis found; what is None or empty could not be determined."""

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
    """Arousal (0..1) of each moment of the timeline; empty without a mood model."""
    motion: tuple[float, ...] = ()
    """Input of the mood model beside the trunk output (`ml.features.motion`), stored so that the mood can be predicted
    again without the audio."""
    neighbours: Neighbours = Neighbours()
    findings: tuple[Finding, ...] = ()
    lyrics: Lyrics | None = None
    """None where they were not read."""
    notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds by stage."""

    def to_dict(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Report:
        """Rebuild a report. Fields that an older version did not store take their defaults."""
        if data.get("schema") != SCHEMA:
            raise ValueError(f"report schema {data.get('schema')!r} is not {SCHEMA}")
        annotation: Any = cls
        report: Report = _reader(annotation)(data)
        return report


@cache
def _reader(annotation: Any) -> Callable[[Any], Any]:
    """The function that turns a value from JSON into what the annotation says."""
    arguments = get_args(annotation)
    if hasattr(annotation, "__dataclass_fields__"):
        readers = [(name, _reader(kind)) for name, kind in get_type_hints(annotation).items()]
        return lambda row: annotation(**{name: read(row[name]) for name, read in readers if name in row})
    if get_origin(annotation) is UnionType:  # always "something or None" here
        read_value = _reader(arguments[0])
        return lambda value: None if value is None else read_value(value)
    if get_origin(annotation) is tuple and arguments[0] not in (str, float):
        read_item = _reader(arguments[0])
        return lambda rows: tuple(map(read_item, rows))
    return tuple if get_origin(annotation) is tuple else lambda value: value
