"""One filter serves the list and similar tracks."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.filters import AROUSAL_STEP, Filter
from library.catalogue.tables import Track
from tests.library.catalogue.test_listing import add


def test_a_feel_narrows_the_range_of_arousal() -> None:
    assert Filter(genre="jazz").narrowed("livelier", 0.4) == Filter(genre="jazz", least_arousal=0.4 + AROUSAL_STEP)
    assert Filter(most_arousal=0.0).narrowed("calmer", 0.9).most_arousal == 0.0
    assert not Filter(least_arousal=0.0).is_empty


@pytest.mark.parametrize(
    ("filter_by", "expected"),
    [
        (Filter(), ["known", "unknown"]),
        (Filter(genre="jazz"), ["known"]),
        (Filter(mood="sad"), ["known"]),
        (Filter(mood="calm"), []),
        (Filter(slowest_bpm=1.0), ["known"]),
        (Filter(fastest_bpm=1000.0), ["known"]),
        (Filter(slowest_bpm=91.0), []),
        (Filter(least_arousal=0.3), ["known"]),
        (Filter(most_arousal=0.3), ["known"]),
        (Filter(key=("D#", "minor")), ["known"]),
        (Filter(own=True), ["known"]),
    ],
)
def test_an_unknown_value_never_matches(catalogue: Catalogue, filter_by: Filter, expected: list[str]) -> None:
    known = {"genre": "jazz", "mood": "sad", "bpm": 90.0, "arousal": 0.3, "tonic": "D#", "mode": "minor"}
    add(catalogue, "known", **known)
    add(catalogue, "unknown", path=None, path_hash=None)
    with catalogue.session() as session:
        tracks = session.scalars(select(Track.title).where(*filter_by.conditions()).order_by(Track.id))
        assert list(tracks) == expected
