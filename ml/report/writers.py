"""One `Report`, written for a person at a terminal or for a program as JSON. Standard library only.

The text answers first (what does it sound like?) and explains after: the likeliest genres as bars, how the
song moves between them, tempo, key, mood, tags, and what there is to know about the measurement.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ml.report.cells import clean, columns, fit, pad, wrap
from ml.report.errors import SoriError
from ml.report.schema import Finding, Key, Mood, Neighbour, Report, Tempo, Why
from ml.report.translation import ENGLISH, Translator

BARS = 5
TAGS = 6
BAR_COLUMNS = 32
STRIP_COLUMNS = 60
LABEL_COLUMNS = 20
NARROWEST = 20
WORTH_NAMING = 0.15
"""A second or third genre from this probability on is part of the answer."""

SAME_TEMPO = 0.03
"""Two tempi nearer than this are one to the ear."""

PLAIN_TEMPI = {"The same tempo.": 1.0, "Twice as fast.": 2.0, "Half as fast.": 0.5}

EIGHTHS = " ▏▎▍▌▋▊▉"
SHADES = "█▓▒░·"
PAINTS = ("36", "33", "35", "32", "90")
UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True)
class Look:
    """How much room the text has, and whether colours reach a person."""

    width: int = 80
    colour: bool = False

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Look()


def to_json(report: Report, **more: Any) -> str:
    """Schema 1 on one line, with additional keys such as `file` first."""
    return _one_line({**more, **report.to_dict()})


def error_to_json(error: SoriError, *, translator: Translator = ENGLISH, **more: Any) -> str:
    return _one_line({**more, "error": {"code": error.code, "message": translator.explain(error)}})


def _one_line(value: dict[str, Any]) -> str:
    # Readable letters stay as they are; what could steer a terminal or is no letter at all becomes \uXXXX.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def error_to_text(error: SoriError, *, name: str, translator: Translator = ENGLISH) -> str:
    return f"{clean(name)}: {clean(translator.explain(error))}"


def to_text(report: Report, *, translator: Translator = ENGLISH, look: Look = PLAIN) -> str:
    """The whole report, no line wider than `look.width` (or 20 columns, where nothing fits any more)."""
    look = Look(max(look.width, NARROWEST), look.colour)
    lines = [
        look.paint(_title(report, look), "1"),
        *wrap(answer(report, translator), look.width),
        "",
        *_bars(report, translator, look),
        "",
        *_strip(report, translator, look),
        *_facts(report, translator, look),
        *(line for found in report.findings for line in _finding(found, translator, look)),
    ]
    return "\n".join(lines)


def _finding(found: Finding, translator: Translator, look: Look) -> list[str]:
    return [
        "",
        *wrap(f"{translator.translate(found.title)}: {translator.translate_filled(found.text)}", look.width),
    ]


def _title(report: Report, look: Look) -> str:
    name = " — ".join(clean(part) for part in (report.title, report.artist) if part)
    clock = _clock(report.duration_seconds)
    return f"{fit(name, look.width - len(clock) - 2)}  {clock}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def answer(report: Report, translator: Translator = ENGLISH) -> str:
    """The sentence a person asked for, and an honest one when the song is like none of the labels."""
    top, *others = report.genre.scores
    facts = {"genre": _label(top.label, translator), "percent": _percent(top.probability)}
    if not report.genre.confident:
        template = "Sounds like none of the {count} genres; the nearest is {genre} ({percent})."
        return translator.translate(template, count=len(report.labels), **facts)
    strong = [_label(score.label, translator) for score in others[:2] if score.probability >= WORTH_NAMING]
    if not strong:
        return translator.translate("Sounds like {genre} ({percent}).", **facts)
    if len(strong) == 1:
        return translator.translate(
            "Sounds like {genre} ({percent}), with some {second}.", second=strong[0], **facts
        )
    template = "Sounds like {genre} ({percent}), with some {second} and {third}."
    return translator.translate(template, second=strong[0], third=strong[1], **facts)


def _label(label: str, translator: Translator) -> str:
    """A genre or tag in the reader's language where it has a name there; otherwise as the card has it."""
    return clean(translator.translate(label))


def _bars(report: Report, translator: Translator, look: Look) -> list[str]:
    shown = [(_label(score.label, translator), score.probability) for score in report.genre.scores[:BARS]]
    room = look.width - len("    100 % ")
    label_width = min(max(columns(label) for label, _ in shown), LABEL_COLUMNS, room - 4)
    bar_width = min(BAR_COLUMNS, room - label_width)
    lines: list[str] = []
    for label, share in shown:
        bar = look.paint(_bar(share, bar_width), PAINTS[0])
        lines.append(f"  {pad(label, label_width)}  {_percent(share):>5} {bar}".rstrip())
    return lines


def _bar(share: float, width: int) -> str:
    whole, eighths = divmod(round(min(max(share, 0.0), 1.0) * width * 8), 8)
    return "█" * whole + EIGHTHS[eighths].strip()


def _strip(report: Report, translator: Translator, look: Look) -> list[str]:
    """The timeline in one row: in each column the genre that leads there; the names follow below."""
    end = _clock(report.duration_seconds)
    width = min(STRIP_COLUMNS, look.width - len(f"  0:00  {end}"))
    if not report.timeline or width < 1:
        return []
    leaders = [max(range(len(report.labels)), key=moment.scores.__getitem__) for moment in report.timeline]
    row = [leaders[column * len(leaders) // width] for column in range(width)]
    ranked = sorted(dict.fromkeys(row), key=row.count, reverse=True)
    rank = {leader: min(place, len(SHADES) - 1) for place, leader in enumerate(ranked)}
    strip = "".join(look.paint(SHADES[rank[leader]], PAINTS[rank[leader]]) for leader in row)
    names = [
        f"{SHADES[place]} {_label(report.labels[ranked[place]], translator)}"
        for place in range(len(ranked))[:4]
    ]
    others = [f"{SHADES[-1]} {translator.translate('others')}"] if len(ranked) >= len(SHADES) else []
    legend = wrap(", ".join(names + others), look.width - 2)
    return [f"  0:00 {strip} {end}", *(f"  {line}" for line in legend), ""]


def _facts(report: Report, translator: Translator, look: Look) -> list[str]:
    """The rows below the pictures: a name, then what is known; what is not known has no row."""
    rows: list[tuple[str, str]] = []
    if report.tempo:
        rows.append((translator.translate("Tempo"), _tempo(report.tempo, translator)))
    if report.key:
        rows.append((translator.translate("Key"), _key(report.key, translator)))
    if report.mood:
        rows.append((translator.translate("Mood"), _mood(report.mood, translator)))
    if report.tags:
        rows.append(
            (
                translator.translate("Tags"),
                ", ".join(_label(tag.label, translator) for tag in report.tags[:TAGS]),
            )
        )
    if report.neighbours.harmony:
        rows.append((translator.translate("Like in harmony"), _neighbours(report.neighbours.harmony)))
    if report.neighbours.sound:
        rows.append((translator.translate("Like in sound"), _neighbours(report.neighbours.sound)))
    rows.extend(
        (translator.translate("Note"), clean(translator.translate_filled(note))) for note in report.notes
    )
    if report.timings:
        rows.append((translator.translate("Time"), _timings(report.timings, translator)))
    name_width = max((columns(name) for name, _ in rows), default=0)
    lines: list[str] = []
    for name, text in rows:
        first, *more = wrap(text, look.width - name_width - 4)
        lines.append(f"  {look.paint(pad(name, name_width), '2')}  {first}")
        lines.extend(" " * (name_width + 4) + line for line in more)
    return lines


def reasons(why: Why, translator: Translator = ENGLISH) -> list[str]:
    """Why a neighbour is near, as sentences; what is not known is not said."""
    said = []
    if why.chroma_overlap is not None:
        said.append(
            translator.translate("Chords overlap by {percent} %.", percent=round(100 * why.chroma_overlap))
        )
    if why.key_relation is not None:
        said.append(
            translator.translate("Keys: {relation}.", relation=translator.translate(why.key_relation))
        )
    elif why.transposition:
        said.append(_transposed(why.transposition, translator))
    if why.tempo_ratio is not None:
        said.append(_tempo_beside(why.tempo_ratio, translator))
    if why.common_tags:
        tags = ", ".join(translator.translate(tag) for tag in why.common_tags)
        said.append(translator.translate("Both sound like: {tags}.", tags=tags))
    return said


def _transposed(semitones: int, translator: Translator) -> str:
    if abs(semitones) == 1:
        return (
            translator.translate("One semitone higher.")
            if semitones > 0
            else translator.translate("One semitone lower.")
        )
    if semitones > 0:
        return translator.translate("{count} semitones higher.", count=semitones)
    return translator.translate("{count} semitones lower.", count=-semitones)


def _tempo_beside(ratio: float, translator: Translator) -> str:
    """A neighbour's tempo over the song's, as people say it."""
    for sentence, whole in PLAIN_TEMPI.items():
        if abs(ratio / whole - 1) <= SAME_TEMPO:
            return translator.translate(sentence)
    if ratio > 1:
        return translator.translate("{share} faster.", share=_percent(ratio - 1))
    return translator.translate("{share} slower.", share=_percent(1 - ratio))


def _neighbours(neighbours: tuple[Neighbour, ...]) -> str:
    return "; ".join(
        clean(f"{other.title} — {other.artist}" if other.artist else other.title) for other in neighbours
    )


def _tempo(tempo: Tempo, translator: Translator) -> str:
    facts = {"bpm": f"{tempo.bpm:.0f}", "percent": _percent(tempo.confidence)}
    if not tempo.alternatives:
        return translator.translate("{bpm} BPM ({percent} sure)", **facts)
    others = ", ".join(f"{bpm:.0f}" for bpm in tempo.alternatives)
    return translator.translate("{bpm} BPM ({percent} sure), or else {others}", others=others, **facts)


def _mood(mood: Mood, translator: Translator) -> str:
    return translator.translate(
        "{mood} (arousal {percent})", mood=translator.translate(mood.label), percent=_percent(mood.arousal)
    )


def _key(key: Key, translator: Translator) -> str:
    mode = translator.translate(key.mode)
    return translator.translate(
        "{tonic} {mode} ({percent} sure)", tonic=key.tonic, mode=mode, percent=_percent(key.confidence)
    )


def _timings(timings: dict[str, float], translator: Translator) -> str:
    stages = ", ".join(
        f"{clean(stage)} {seconds:.2f}" for stage, seconds in timings.items() if stage != "total"
    )
    total = timings.get("total", sum(timings.values()))
    return translator.translate("{total} s ({stages})", total=f"{total:.2f}", stages=stages)
