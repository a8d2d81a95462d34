"""A report or an error as text, for people at a terminal.

The text starts with the answer (what does it sound like?). Then come the likeliest genres as bars, the timeline, and
rows for tempo, key, mood, tags, similar tracks, notes and timings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ml.report.cells import clean, columns, fit, pad, wrap
from ml.report.errors import SoriError
from ml.report.lyrics_text import lyrics_to_lines
from ml.report.schema import Neighbour, Report
from ml.report.sentences import answer, clock, key_text, label_name, mood_text, percent, tempo_text
from ml.report.translation import ENGLISH, Translator

BARS = 5
TAGS = 6
BAR_COLUMNS = 32
STRIP_COLUMNS = 60
LABEL_COLUMNS = 20
MIN_COLUMNS = 20

EIGHTHS = " ▏▎▍▌▋▊▉"
SHADES = "█▓▒░·"
SHADE_COLOURS = ("36", "33", "35", "32", "90")
"""ANSI colours, one per shade."""


@dataclass(frozen=True)
class Look:
    """The width of the text in columns, and whether it may contain colours."""

    width: int = 80
    colour: bool = False

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Look()


def error_to_text(error: SoriError, *, name: str, translator: Translator = ENGLISH) -> str:
    return f"{clean(name)}: {clean(translator.explain(error))}"


def to_text(report: Report, *, translator: Translator = ENGLISH, look: Look = PLAIN) -> str:
    """The whole report. No line is wider than `look.width`, or than 20 columns if that is less."""
    look = Look(max(look.width, MIN_COLUMNS), look.colour)
    lines = [
        look.paint(_title(report, look), "1"),
        *wrap(answer(report, translator), look.width),
        "",
        *_bars(report, translator, look),
        "",
        *_strip(report, translator, look),
        *_table(report, translator, look),
    ]
    for finding in report.findings:
        title, text = translator.translate(finding.title), translator.translate_filled(finding.text)
        lines += ["", *wrap(f"{title}: {text}", look.width)]
    if report.lyrics is not None:
        lines += ["", *lyrics_to_lines(report.lyrics, look.width, translator)]
    return "\n".join(lines)


def _title(report: Report, look: Look) -> str:
    name = " — ".join(clean(part) for part in (report.title, report.artist) if part)
    length = clock(report.duration_seconds)
    return f"{fit(name, look.width - len(length) - 2)}  {length}"


def _bars(report: Report, translator: Translator, look: Look) -> list[str]:
    shown = [(label_name(score.label, translator), score.probability) for score in report.genre.scores[:BARS]]
    room = look.width - len("    100% ")
    label_width = min(max(columns(label) for label, _ in shown), LABEL_COLUMNS, room - 4)
    bar_width = min(BAR_COLUMNS, room - label_width)
    lines: list[str] = []
    for label, probability in shown:
        bar = look.paint(_bar(probability, bar_width), SHADE_COLOURS[0])
        lines.append(f"  {pad(label, label_width)}  {percent(probability):>4} {bar}".rstrip())
    return lines


def _bar(probability: float, width: int) -> str:
    whole, eighths = divmod(round(min(max(probability, 0.0), 1.0) * width * 8), 8)
    return "█" * whole + EIGHTHS[eighths].strip()


def _strip(report: Report, translator: Translator, look: Look) -> list[str]:
    """The timeline in one row, with the likeliest genre of each column; the legend follows below."""
    end = clock(report.duration_seconds)
    width = min(STRIP_COLUMNS, look.width - len(f"  0:00  {end}"))
    if not report.timeline or width < 1:
        return []
    leaders = [max(range(len(report.labels)), key=moment.scores.__getitem__) for moment in report.timeline]
    row = [leaders[column * len(leaders) // width] for column in range(width)]
    ranked = sorted(dict.fromkeys(row), key=row.count, reverse=True)
    rank = {leader: min(number, len(SHADES) - 1) for number, leader in enumerate(ranked)}
    strip = "".join(look.paint(SHADES[rank[leader]], SHADE_COLOURS[rank[leader]]) for leader in row)
    names = [
        f"{shade} {label_name(report.labels[leader], translator)}"
        for shade, leader in zip(SHADES[:-1], ranked, strict=False)
    ]
    if len(ranked) >= len(SHADES):
        names.append(f"{SHADES[-1]} {translator.translate('others')}")
    legend = wrap(", ".join(names), look.width - 2)
    return [f"  0:00 {strip} {end}", *(f"  {line}" for line in legend), ""]


def _table(report: Report, translator: Translator, look: Look) -> list[str]:
    rows = list(_rows(report, translator))
    name_width = max((columns(name) for name, _ in rows), default=0)
    lines: list[str] = []
    for name, text in rows:
        first, *more = wrap(text, look.width - name_width - 4)
        lines.append(f"  {look.paint(pad(name, name_width), '2')}  {first}")
        lines.extend(" " * (name_width + 4) + line for line in more)
    return lines


def _rows(report: Report, translator: Translator) -> Iterator[tuple[str, str]]:
    """A name and what is known under it; what is not known has no row."""
    if report.tempo:
        yield translator.translate("Tempo"), tempo_text(report.tempo, translator)
    if report.key:
        yield translator.translate("Key"), key_text(report.key, translator)
    if report.mood:
        yield translator.translate("Mood"), mood_text(report.mood, translator)
    if report.tags:
        yield (translator.translate("Tags"), ", ".join(label_name(tag.label, translator) for tag in report.tags[:TAGS]))
    if report.neighbours.harmony:
        yield translator.translate("Similar harmony"), _neighbours(report.neighbours.harmony)
    if report.neighbours.sound:
        yield translator.translate("Similar sound"), _neighbours(report.neighbours.sound)
    for note in report.notes:
        yield translator.translate("Note"), clean(translator.translate_filled(note))
    if report.timings:
        yield translator.translate("Time"), _timings(report.timings, translator)


def _neighbours(neighbours: tuple[Neighbour, ...]) -> str:
    return "; ".join(clean(f"{track.title} — {track.artist}" if track.artist else track.title) for track in neighbours)


def _timings(timings: dict[str, float], translator: Translator) -> str:
    stages = ", ".join(f"{clean(stage)} {seconds:.2f}" for stage, seconds in timings.items() if stage != "total")
    total = timings.get("total", sum(timings.values()))
    return translator.translate("{total} s ({stages})", total=f"{total:.2f}", stages=stages)
