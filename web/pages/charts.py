"""Geometry of the charts: genre timeline, mood curve, waveform and axes. Templates turn it into SVG.

All charts over time share one horizontal scale from 0 to `WIDTH`, whatever the length of the song.
"""

from __future__ import annotations

import json
import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ml.report.schema import Moment, Report
from ml.report.sentences import clock
from web.pages.genre_texts import genre_colour

WIDTH = 1000
HEIGHT = 100
MAX_AREAS = 5
"""Genres with an area of their own in the timeline; the others share one."""
MAX_POINTS = 120
MAX_BARS = 300
_MIN_NAMED_WIDTH = 0.12 * WIDTH
_MIN_NAMED_SHARE = 0.22
"""An area is named where it is at least this wide and this high."""
_HZ = (500, 1000, 2000, 4000)
_MAX_HZ = 8000.0
_NOTE_ROWS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""White keys and their rows of the chromagram."""


@dataclass(frozen=True)
class Area:
    """One genre of the timeline. The position of its name is in percent, None where there is no room for a name."""

    label: str | None
    """None: all genres that have no area of their own."""
    colour: int | None
    path: str
    name_x: float | None = None
    name_y: float | None = None


@dataclass(frozen=True)
class GenreSpan:
    """A part of the song in which one genre is the most likely, with its mean probability there."""

    start: float
    end: float
    label: str
    probability: float


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, in percent from the left or the top."""

    at: float
    text: str


def timeline_areas(report: Report) -> list[Area]:
    """The genres as stacked areas, the most frequent at the bottom."""
    moments = _downsample(report.timeline)
    if not moments or not report.labels:
        return []
    curves = list(zip(*(moment.scores for moment in moments), strict=True))
    order = sorted(range(len(curves)), key=lambda index: -sum(curves[index]))
    xs = _xs(moments, report.duration_seconds)
    bottom = [0.0] * len(moments)
    areas: list[Area] = []
    for index in order[:MAX_AREAS]:
        label = report.labels[index]
        top = [low + share for low, share in zip(bottom, curves[index], strict=True)]
        colour = genre_colour(label, report.labels)
        areas.append(Area(label, colour, _area_path(xs, bottom, top), *_name_position(xs, bottom, top)))
        bottom = top
    if len(order) > MAX_AREAS:
        areas.append(Area(None, None, _area_path(xs, bottom, [1.0] * len(moments))))
    return areas


def mood_area(report: Report) -> str | None:
    """The arousal of each moment as an SVG path, calm at the bottom; None where it is not known."""
    moments = report.timeline
    if len(report.arousal) != len(moments) or len(moments) < 2:
        return None
    points = list(zip(_xs(moments, report.duration_seconds), report.arousal, strict=True))
    xs, ys = zip(*points[:: 1 + len(points) // MAX_POINTS], strict=True)
    return _area_path(xs, [0.0] * len(xs), ys)


def genre_spans(report: Report) -> list[GenreSpan]:
    """The timeline as a table."""
    spans: list[GenreSpan] = []
    for index, group in groupby(report.timeline, key=_top_index):
        moments = list(group)
        mean = sum(moment.scores[index] for moment in moments) / len(moments)
        start = spans[-1].end if spans else moments[0].start
        spans.append(GenreSpan(start, moments[-1].end, report.labels[index], mean))
    return spans


def leading_genres(report: Report) -> list[tuple[float, str, int]]:
    """For the player: end of each moment in seconds, its most likely genre and that genre's percentage."""
    tops = ((moment, _top_index(moment)) for moment in _downsample(report.timeline))
    return [(round(m.end, 1), report.labels[top], round(100 * m.scores[top])) for m, top in tops]


def read_peaks(content: bytes) -> list[int]:
    """The waveform's peaks (0..255) in the file that a worker stored; empty where there are none."""
    try:
        peaks = json.loads(content)
    except ValueError:
        return []
    if not isinstance(peaks, list) or not all(isinstance(peak, int) for peak in peaks):
        return []
    return [min(255, max(0, peak)) for peak in peaks]


def waveform(peaks: Sequence[int]) -> str:
    """The waveform as one SVG path of vertical strokes around the middle."""
    count = min(MAX_BARS, len(peaks))
    strokes: list[str] = []
    for bar in range(count):
        first, last = bar * len(peaks) // count, (bar + 1) * len(peaks) // count
        half = max(0.5, max(peaks[first:last]) / 255 * HEIGHT * 0.48)
        x = (bar + 0.5) * WIDTH / count
        strokes.append(f"M{x:.0f} {HEIGHT / 2 - half:.0f}V{HEIGHT / 2 + half:.0f}")
    return "".join(strokes)


def seconds_axis(duration: float) -> list[Tick]:
    """About five marks at round times, none so near the end that its text would be cut off."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600)
    step = next((step for step in steps if duration / step <= 6), steps[-1])
    marks = range(0, math.ceil(duration), step)
    return [Tick(round(100 * at / duration, 2), clock(at)) for at in marks if at <= duration * 0.95]


def hz_axis() -> list[Tick]:
    """Frequencies on the Slaney mel scale of the spectrogram."""
    names = ((hz, f"{hz // 1000} kHz" if hz >= 1000 else str(hz)) for hz in _HZ)
    return [Tick(round(100 - 100 * _mel(hz) / _mel(_MAX_HZ), 1), name) for hz, name in names]


def note_axis() -> list[Tick]:
    """The white keys beside the twelve rows of the chromagram, C at the bottom."""
    return [Tick(round(100 - 100 * (row + 0.5) / 12, 1), name) for name, row in _NOTE_ROWS.items()]


def _mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _top_index(moment: Moment) -> int:
    return max(range(len(moment.scores)), key=moment.scores.__getitem__)


def _downsample(moments: Sequence[Moment]) -> list[Moment]:
    """At most `MAX_POINTS` moments, each the mean of consecutive ones."""
    size = math.ceil(len(moments) / MAX_POINTS) or 1
    groups = [moments[start : start + size] for start in range(0, len(moments), size)]
    return [Moment(group[0].start, group[-1].end, _mean_scores(group)) for group in groups]


def _mean_scores(moments: Sequence[Moment]) -> tuple[float, ...]:
    columns = zip(*(moment.scores for moment in moments), strict=True)
    return tuple(sum(column) / len(moments) for column in columns)


def _xs(moments: Sequence[Moment], duration: float) -> list[float]:
    """The middle of each moment. The first is moved to the left edge and the last to the right edge."""
    scale = WIDTH / max(duration, moments[-1].end)
    middles = [scale * (moment.start + moment.end) / 2 for moment in moments]
    return [0.0, *middles[1:-1], float(WIDTH)] if len(middles) > 1 else [0.0]


def _area_path(xs: Sequence[float], bottom: Sequence[float], top: Sequence[float]) -> str:
    if len(xs) == 1:  # a single moment is level from edge to edge
        xs, bottom, top = (0.0, WIDTH), (bottom[0],) * 2, (top[0],) * 2
    upper, lower = ([f"{x:.0f} {HEIGHT * (1 - y):.1f}" for x, y in zip(xs, ys, strict=True)] for ys in (top, bottom))
    return "M" + "L".join([*upper, *reversed(lower)]) + "z"


def _name_position(
    xs: Sequence[float], bottom: Sequence[float], top: Sequence[float]
) -> tuple[float, float] | tuple[None, None]:
    """The middle of the longest run in which an area is high enough for a name."""
    if len(xs) == 1:
        xs, bottom, top = (0.0, WIDTH), (bottom[0],) * 2, (top[0],) * 2
    high = [above - below >= _MIN_NAMED_SHARE for below, above in zip(bottom, top, strict=True)]
    runs = [[index for index, _ in run] for fits, run in groupby(enumerate(high), lambda pair: pair[1]) if fits]
    longest = max(runs, key=lambda run: xs[run[-1]] - xs[run[0]], default=[0])
    left, right = xs[longest[0]], xs[longest[-1]]
    if right - left < _MIN_NAMED_WIDTH:
        return None, None
    x = (left + right) / 2
    after = bisect(xs, x)
    share = (x - xs[after - 1]) / (xs[after] - xs[after - 1])
    before_y, after_y = ((bottom[index] + top[index]) / 2 for index in (after - 1, after))
    y = before_y + share * (after_y - before_y)
    return round(100 * x / WIDTH, 1), round(100 * (1 - y), 1)
