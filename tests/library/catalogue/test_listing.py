"""The list of tracks: search, filters, order and pages, on both databases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event

from library.catalogue.database import Catalogue
from library.catalogue.failures import latest_failures
from library.catalogue.filters import Filter
from library.catalogue.listing import SORTS, ListQuery, count_genres, genre_names, mood_names, read_page
from library.catalogue.tables import Track, TrackReport, path_hash_of


def add(catalogue: Catalogue, name: str, **columns: object) -> int:
    path = Path("/music", f"{name}.mp3")
    with catalogue.session() as session:
        track = Track(path=path, path_hash=path_hash_of(path), features_version="test")
        for column, value in {"title": name, **columns}.items():
            setattr(track, column, value)
        session.add(track)
        session.commit()
        return track.id


def titles(catalogue: Catalogue, words: str = "", **how: object) -> list[str | None]:
    query = ListQuery(words, **how)  # type: ignore[arg-type]
    return [track.title for track in read_page(catalogue, query, 100).tracks]


def read_all(catalogue: Catalogue, query: ListQuery, count: int) -> Iterator[Track]:
    page = read_page(catalogue, query, count)
    yield from page.tracks
    while page.following:
        page = read_page(catalogue, query, count, page.following)
        yield from page.tracks


def test_search_covers_all_names(catalogue: Catalogue) -> None:
    add(catalogue, "Été indien", artist="Joe Dassin", album="Volume 8")
    add(catalogue, "가을 편지", artist="김민기")
    add(catalogue, "100% 50_50 'x'")
    assert titles(catalogue, "ete dassin") == ["Été indien"]
    assert titles(catalogue, "VOLUME") == ["Été indien"]
    assert titles(catalogue, "민기 가을") == ["가을 편지"]
    assert titles(catalogue, "indien.mp3") == ["Été indien"]
    assert titles(catalogue, "%") == titles(catalogue, "50_5") == titles(catalogue, "'") == ["100% 50_50 'x'"]
    assert titles(catalogue, "dassin 민기") == []


def test_filters_combine(catalogue: Catalogue) -> None:
    add(catalogue, "a", genre="jazz", mood="calm", bpm=80.0, tonic="C", mode="major")
    add(catalogue, "b", genre="jazz", mood="exciting", bpm=120.0, tonic="A", mode="minor")
    add(catalogue, "c", genre="rock", mood="exciting", bpm=None, path=None, path_hash=None)
    assert titles(catalogue, filter=Filter(genre="jazz")) == ["a", "b"]
    assert titles(catalogue, filter=Filter(genre="jazz", mood="calm")) == ["a"]
    assert titles(catalogue, filter=Filter(slowest_bpm=100)) == ["b"]
    assert titles(catalogue, filter=Filter(fastest_bpm=100)) == ["a"]
    assert titles(catalogue, filter=Filter(key=("A", "minor"))) == ["b"]
    assert titles(catalogue, filter=Filter(own=True)) == ["a", "b"]
    assert count_genres(catalogue) == {"jazz": 2, "rock": 1}
    assert genre_names(catalogue) == ["jazz", "rock"]


def test_unknown_values_come_last(catalogue: Catalogue) -> None:
    add(catalogue, "no tempo", bpm=None, artist="Z")
    add(catalogue, "slow", bpm=60.0)
    add(catalogue, "fast", bpm=180.0, artist="a")
    assert titles(catalogue, sort="tempo") == ["slow", "fast", "no tempo"]
    assert titles(catalogue, sort="artist") == ["fast", "no tempo", "slow"]


def test_keys_are_in_the_order_of_the_keyboard(catalogue: Catalogue) -> None:
    for tonic, mode in (("A", "minor"), ("B", "major"), ("C", "minor"), ("C#", "major")):
        add(catalogue, f"{tonic} {mode}", tonic=tonic, mode=mode)
    assert titles(catalogue, sort="key") == ["C# major", "B major", "C minor", "A minor"]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORTS)
def test_every_track_is_on_one_page(catalogue: Catalogue, sort: str, descending: bool) -> None:
    """In every order, and however many tracks share a sort value."""
    chance = random.Random(1)
    for number in range(40):
        add(
            catalogue,
            f"{number} {chance.choice('ㄱab')}",
            title=chance.choice(("One", "two", "둘", None)),
            artist=chance.choice(("A", None)),
            genre=chance.choice(("jazz", "rock", None)),
            bpm=chance.choice((60.0, 90.5, None)),
            duration_seconds=chance.choice((100.0, None)),
            tonic=chance.choice(("C", "D", None)),
            mode="major",
        )
    query = ListQuery(sort=sort, descending=descending)
    whole = [track.id for track in read_page(catalogue, query, 100).tracks]
    assert len(set(whole)) == 40
    assert [track.id for track in read_all(catalogue, query, 7)] == whole


def test_the_next_page_is_right_although_tracks_come_and_go(catalogue: Catalogue) -> None:
    for name in "bdfhj":
        add(catalogue, name)
    first = read_page(catalogue, ListQuery(), 2)
    assert [track.title for track in first.tracks] == ["b", "d"]
    add(catalogue, "a")
    add(catalogue, "e")
    with catalogue.session() as session:
        session.delete(session.get_one(Track, first.tracks[-1].id))
        session.commit()
    second = read_page(catalogue, ListQuery(), 2, first.following)
    assert [track.title for track in second.tracks] == ["e", "f"]


def test_tracks_are_counted_up_to_a_limit(catalogue: Catalogue) -> None:
    with catalogue.session() as session:
        session.add_all([Track(title=f"{number:04}", features_version="test") for number in range(1100)])
        session.commit()
    page = read_page(catalogue, ListQuery(), 3)
    assert page.count == 1001 and [track.title for track in page.tracks] == ["0000", "0001", "0002"]
    assert read_page(catalogue, ListQuery("109"), 3).count == 11
    assert len(list(read_all(catalogue, ListQuery(), 300))) == 1100


def test_the_list_follows_its_tracks(catalogue: Catalogue) -> None:
    one, other = add(catalogue, "one"), add(catalogue, "other")
    with catalogue.session() as session:
        session.get_one(Track, one).title = "renamed"
        failed = session.get_one(Track, other)
        failed.failure_code, failed.failure = "unreadable", {"sentence": "No.", "facts": {}}
        session.commit()
    assert titles(catalogue) == titles(catalogue, "renamed") == ["renamed"]
    assert [failure.track_id for failure in latest_failures(catalogue, 10)] == [other]
    with catalogue.session() as session:
        session.execute(delete(Track))
        session.commit()
    assert titles(catalogue) == []


def test_a_page_reads_no_reports(catalogue: Catalogue) -> None:
    track_id = add(catalogue, "song")
    with catalogue.session() as session:
        session.add(TrackReport(track_id=track_id, report={"schema": 1}))
        session.commit()
    statements: list[str] = []

    @event.listens_for(catalogue.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    assert titles(catalogue, "song") == ["song"]
    assert statements and not [text for text in statements if "report" in text]


def test_moods_are_those_of_the_tracks(catalogue: Catalogue) -> None:
    """Whatever labels the mood model has; a track that failed since does not count."""
    for name, mood in (("a", "sad"), ("b", "calm"), ("c", "sad"), ("d", None)):
        add(catalogue, name, mood=mood)
    add(catalogue, "failed", mood="angry", failure_code="unreadable")
    assert mood_names(catalogue) == ["calm", "sad"]
    assert titles(catalogue, filter=Filter(mood="sad")) == ["a", "c"]
