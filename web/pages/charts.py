"""Shapes for the pictures that the server draws: bars, the genre timeline, the waveform, the axes beside them.

Only geometry is computed here; templates turn it into SVG. Pictures that run in time share one horizontal scale from
0 to `WIDTH`, whatever the length of the song, and are stretched to the width of the page.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ml.report.schema import Moment, Report
from web.pages.genre_texts import tone

WIDTH = 1000
HEIGHT = 100
NAMED = 5
"""So many genres have areas of their own in the timeline; the others share one."""
MOST_POINTS = 120
MOST_BARS = 300
_ROOM_FOR_NAME = 22.0
_HZ = (500, 1000, 2000, 4000)
_TOP_HZ = 8000.0
NOTES = ("C", "D", "E", "F", "G", "A", "B")
_NOTE_ROWS = (0, 2, 4, 5, 7, 9, 11)


@dataclass(frozen=True)
class Area:
    """One genre through the song. Its name has a place (in percent of the picture) where there is room for it."""

    label: str | None
    """None: all the genres that have no area of their own."""
    tone: int | None
    path: str
    name_x: float | None = None
    name_y: float | None = None


@dataclass(frozen=True)
class Stretch:
    """A part of the song in which one genre leads."""

    start: float
    end: float
    label: str
    probability: float


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, at so many percent from the left or the top."""

    at: float
    text: str


def clock(seconds: float) -> str:
    """Seconds as a player shows them: 3:07, or 1:02:03."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def timeline(report: Report) -> list[Area]:
    """The genres as stacked areas, the most frequent one at the bottom."""
    moments = _thinned(report.timeline)
    if not moments or not report.labels:
        return []
    shares = [[moment.scores[place] for moment in moments] for place in range(len(report.labels))]
    order = sorted(range(len(shares)), key=lambda place: -sum(shares[place]))
    named, rest = order[:NAMED], order[NAMED:]
    places = _places(moments, max(report.duration_seconds, moments[-1].end))
    floor = [0.0] * len(moments)
    areas: list[Area] = []
    for place in named:
        label, top = (
            report.labels[place],
            [low + high for low, high in zip(floor, shares[place], strict=True)],
        )
        x, y = _room(places, floor, top)
        areas.append(Area(label, tone(label, report.labels), _area(places, floor, top), x, y))
        floor = top
    if rest:
        areas.append(Area(None, None, _area(places, floor, [1.0] * len(moments))))
    return areas


def stir(report: Report) -> str | None:
    """The outline of how stirring each moment is, calm at the bottom; None where that is not known."""
    moments = report.timeline
    if len(report.arousal) != len(moments) or len(moments) < 2:
        return None
    places = _places(moments, max(report.duration_seconds, moments[-1].end))
    pairs = list(zip(places, report.arousal, strict=True))
    some = pairs[:: 1 + len(pairs) // MOST_POINTS]
    return _area([x for x, _ in some], [0.0] * len(some), [y for _, y in some])


def stretches(report: Report) -> list[Stretch]:
    """The timeline in words: which genre leads from when to when, and how likely it is there on average."""
    leaders = [(_leader(moment), moment) for moment in report.timeline]
    found: list[Stretch] = []
    for leader, group in groupby(leaders, key=lambda pair: pair[0]):
        moments = [moment for _, moment in group]
        mean = sum(moment.scores[leader] for moment in moments) / len(moments)
        start = found[-1].end if found else moments[0].start
        found.append(Stretch(start, moments[-1].end, report.labels[leader], mean))
    return found


def leaders(report: Report) -> list[tuple[float, str, int]]:
    """For the player: until which second, which genre leads, by how many percent."""
    found = ((moment, _leader(moment)) for moment in _thinned(report.timeline))
    return [(round(m.end, 1), report.labels[top], round(100 * m.scores[top])) for m, top in found]


def read_peaks(path: Path) -> list[int]:
    """The peaks that a worker left, 0..255; none where there are none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    whole = isinstance(found, list) and all(isinstance(peak, int) for peak in found)
    return [min(255, max(0, peak)) for peak in found] if whole else []


def waveform(peaks: Sequence[int]) -> str:
    """The waveform as upright strokes around the middle, as the data of one SVG path."""
    if not peaks:
        return ""
    count = min(MOST_BARS, len(peaks))
    strokes: list[str] = []
    for bar in range(count):
        first, last = bar * len(peaks) // count, (bar + 1) * len(peaks) // count
        half = max(0.5, max(peaks[first : max(last, first + 1)]) / 255 * HEIGHT * 0.48)
        x = (bar + 0.5) * WIDTH / count
        strokes.append(f"M{x:.0f} {HEIGHT / 2 - half:.0f}V{HEIGHT / 2 + half:.0f}")
    return "".join(strokes)


def seconds_axis(duration: float) -> list[Tick]:
    """Marks at round times: about five, none so near the end that it would be cut off."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600)
    step = next((step for step in steps if duration / step <= 6), steps[-1])
    marks = range(0, math.ceil(duration), step)
    return [Tick(round(100 * at / duration, 2), clock(at)) for at in marks if at <= duration * 0.95]


def hz_axis() -> list[Tick]:
    """Frequencies on the Slaney mel scale of the spectrogram, in percent from the top."""
    top = _mel(_TOP_HZ)
    names = ((hz, f"{hz // 1000} kHz" if hz >= 1000 else str(hz)) for hz in _HZ)
    return [Tick(round(100 - 100 * _mel(hz) / top, 1), name) for hz, name in names]


def note_axis() -> list[Tick]:
    """The white keys beside the twelve rows of the chromagram, C at the bottom."""
    return [
        Tick(round(100 - 100 * (row + 0.5) / 12, 1), name)
        for row, name in zip(_NOTE_ROWS, NOTES, strict=True)
    ]


def _mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _leader(moment: Moment) -> int:
    return max(range(len(moment.scores)), key=moment.scores.__getitem__)


def _thinned(moments: Sequence[Moment]) -> list[Moment]:
    """At most MOST_POINTS moments, each the mean of its neighbours."""
    size = math.ceil(len(moments) / MOST_POINTS) or 1
    groups = [moments[start : start + size] for start in range(0, len(moments), size)]
    return [
        Moment(
            group[0].start,
            group[-1].end,
            tuple(sum(column) / len(group) for column in zip(*(one.scores for one in group), strict=True)),
        )
        for group in groups
    ]


def _places(moments: Sequence[Moment], duration: float) -> list[float]:
    """Where each moment's middle lies; the first reaches to the beginning, the last to the end."""
    middles = [WIDTH * (moment.start + moment.end) / 2 / duration for moment in moments]
    return [0.0, *middles[1:-1], float(WIDTH)] if len(middles) > 1 else [0.0]


def _area(places: Sequence[float], floor: Sequence[float], top: Sequence[float]) -> str:
    if len(places) == 1:  # a song of one window is level from end to end
        places, floor, top = [0.0, float(WIDTH)], [floor[0]] * 2, [top[0]] * 2
    upper = [f"{x:.0f} {HEIGHT * (1 - y):.1f}" for x, y in zip(places, top, strict=True)]
    lower = [f"{x:.0f} {HEIGHT * (1 - y):.1f}" for x, y in zip(places, floor, strict=True)]
    return "M" + "L".join([*upper, *reversed(lower)]) + "z"


def _room(
    places: Sequence[float], floor: Sequence[float], top: Sequence[float]
) -> tuple[float | None, float | None]:
    """The middle of the longest stretch in which an area is high enough for a name."""
    high = [100 * (above - below) >= _ROOM_FOR_NAME for below, above in zip(floor, top, strict=True)]
    if len(places) == 1:
        return (50.0, round(100 - 50 * (floor[0] + top[0]), 1)) if high[0] else (None, None)
    runs = [[place for place, _ in group] for fits, group in groupby(enumerate(high), lambda p: p[1]) if fits]
    longest = max(runs, key=lambda run: places[run[-1]] - places[run[0]], default=None)
    if longest is None or places[longest[-1]] - places[longest[0]] < 0.12 * WIDTH:
        return None, None
    middle = longest[len(longest) // 2]
    if len(longest) == 2 or not 0.06 * WIDTH < places[middle] < 0.94 * WIDTH:
        x = (places[longest[0]] + places[longest[-1]]) / 2
        y = sum(floor[i] + top[i] for i in longest) / len(longest)
        return round(100 * x / WIDTH, 1), round(100 - 50 * y, 1)
    return round(100 * places[middle] / WIDTH, 1), round(100 - 50 * (floor[middle] + top[middle]), 1)
