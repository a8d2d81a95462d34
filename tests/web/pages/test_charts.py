"""The geometry of the charts, and the contrast of the colours."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from ml.models.card import GENRE_WEIGHTS, load_card
from ml.report.schema import Moment
from tests.fakes import a_report
from tests.sources import ROOT
from web.pages import charts
from web.pages.genre_texts import COLOURS, DESCRIPTIONS, genre_colour

STYLE = (ROOT / "static/style.css").read_text(encoding="utf-8")
PAIRS = dict(re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", STYLE))


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


def test_areas_are_stacked_and_fill_the_chart() -> None:
    areas = charts.timeline_areas(a_report())
    assert [area.label for area in areas] == ["reggae", "hiphop", "blues"]
    edges = [points(area.path) for area in areas]
    half = len(edges[0]) // 2
    for low, high in pairwise(edges):
        assert low[:half] == high[half:][::-1]
    assert all(y == 100 for _, y in edges[0][half:]) and all(y == 0 for _, y in edges[-1][:half])
    assert (edges[0][0][0], edges[0][half - 1][0]) == (0, charts.WIDTH)


def test_less_frequent_genres_share_one_area() -> None:
    labels = tuple("abcdefgh")
    report = a_report(labels=labels, shares=(0.125,) * 8)
    areas = charts.timeline_areas(report)
    assert len(areas) == charts.MAX_AREAS + 1 and areas[-1].label is None


@pytest.mark.parametrize("count", [0, 1, 2, 500])
def test_a_timeline_of_any_length_is_drawn(count: int) -> None:
    moments = tuple(Moment(3.0 * at, 3.0 * at + 3, (0.2, 0.3, 0.5)) for at in range(count))
    report = replace(a_report(duration_seconds=max(1.0, 3.0 * count)), timeline=moments)
    areas = charts.timeline_areas(report)
    assert len(areas) == (3 if count else 0)
    assert all(len(points(area.path)) <= 2 * charts.MAX_POINTS for area in areas)
    assert len(charts.genre_spans(report)) == (1 if count else 0)
    assert len(charts.leading_genres(report)) <= charts.MAX_POINTS


def test_genre_names_are_inside_their_areas() -> None:
    for area in charts.timeline_areas(a_report()):
        if area.name_x is not None and area.name_y is not None:
            assert 0 < area.name_x < 100 and 0 < area.name_y < 100


def test_genre_spans_have_the_mean_probability() -> None:
    first, second = charts.genre_spans(a_report())
    assert (first.start, first.end, first.label) == (0.0, 6.0, "reggae")
    assert (second.start, second.end, second.label) == (6.0, 9.0, "blues")
    assert first.probability == pytest.approx(0.62)


def test_waveform_strokes_follow_the_peaks() -> None:
    path = charts.waveform([0, 255])
    (_, top, _), (_, loud, _) = re.findall(r"M(\d+) (\d+)V(\d+)", path)
    assert (int(top), int(loud)) == (50, 2)
    assert charts.waveform([]) == ""
    assert charts.waveform(list(range(256)) * 40).count("M") == charts.MAX_BARS


@pytest.mark.parametrize("text", ["", "{}", "[1, null]", "not json", '["x"]'])
def test_invalid_peaks_are_read_as_none(text: str) -> None:
    assert charts.read_peaks(text.encode()) == []


def test_axis_ticks_are_at_their_values() -> None:
    assert [tick.text for tick in charts.seconds_axis(30)] == ["0:00", "0:05", "0:10", "0:15", "0:20", "0:25"]
    assert len(charts.seconds_axis(7200)) <= 7 and charts.seconds_axis(1.0)[0].at == 0
    hz = {tick.text: tick.at for tick in charts.hz_axis()}
    assert hz["1 kHz"] == pytest.approx(100 * (1 - 15 / 45.245), abs=0.1)
    notes = {tick.text: tick.at for tick in charts.note_axis()}
    assert notes["C"] > notes["D"] > notes["B"] and notes["C"] == pytest.approx(95.8)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str, scheme: int) -> float:
    darker, lighter = sorted(luminance(PAIRS[name].split(", ")[scheme]) for name in (first, second))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_have_enough_contrast(scheme: int) -> None:
    for background in ("paper", "surface", "sunken", "wash"):
        for text in ("ink", "soft", "accent", "accent-deep"):
            assert contrast(text, background, scheme) >= 4.5, (text, background)
    for background in ("paper", "surface", "bad-wash"):
        assert contrast("bad", background, scheme) >= 4.5
    assert contrast("on-accent", "accent", scheme) >= 4.5
    assert contrast("edge", "surface", scheme) >= 3
    for number in range(COLOURS):
        assert contrast(f"colour-{number}", "surface", scheme) >= 3
        assert contrast(f"colour-{number}", "paper", scheme) >= 3
        assert contrast("on-colour", f"colour-{number}", scheme) >= 4.5


def test_every_described_genre_has_its_own_colour() -> None:
    assert sorted(genre_colour(label) for label in DESCRIPTIONS) == list(range(COLOURS))
    others = ("trot", "ballad", "idol")
    assert [genre_colour(label, others) for label in others] == [0, 1, 2]
    assert 0 <= genre_colour("an unknown genre") < COLOURS


def test_every_genre_of_the_shipped_model_is_described() -> None:
    labels = load_card(GENRE_WEIGHTS).labels
    assert set(DESCRIPTIONS) == set(labels) and len(labels) == 10
    assert all(len(part) > 20 for description in DESCRIPTIONS.values() for part in vars(description).values())


def test_mood_area_follows_the_arousal() -> None:
    report = replace(a_report(duration_seconds=9.0), arousal=(0.0, 0.5, 1.0))
    assert charts.mood_area(report) == "M0 100.0L500 50.0L1000 0.0L1000 100.0L500 100.0L0 100.0z"
    assert charts.mood_area(replace(report, arousal=())) is None
    assert charts.mood_area(replace(report, arousal=(0.5,))) is None
