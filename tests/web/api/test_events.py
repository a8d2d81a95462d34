"""One query serves any number of followers, and a follower gets each change once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from web.api.events import Feed, follow
from web.context import ENDING


class Table:
    """Values by key, and the keys of every query."""

    def __init__(self, **values: int) -> None:
        self.values = values
        self.queries: list[set[str]] = []
        self.on_query: Callable[[], object] = lambda: None

    def read(self, keys: set[str]) -> dict[str, int]:
        self.queries.append(keys)
        self.on_query()
        return {key: value for key, value in self.values.items() if key in keys}


@pytest.fixture
def running() -> Iterator[None]:
    """The process is not asked to end, except by the test."""
    ENDING.clear()
    yield
    ENDING.clear()


def events(feed: Feed[int], key: str) -> list[object]:
    sent = follow(feed, key, lambda value: {"value": value}, lambda value: value >= 3)
    return ["gone" if text.startswith("event: gone") else json.loads(text[6:])["value"] for text in sent]


def test_one_query_serves_all_followers() -> None:
    table = Table(a=1, b=2)
    feed = Feed(table.read, poll_seconds=60.0)
    with ExitStack() as stack:
        latest = [stack.enter_context(feed.following(key)) for key in ("a", "b", "b", "c")]
        assert [value() for value in latest] == [1, 2, 2, None]
        assert table.queries == [{"a", "b", "c"}]


def test_nobody_is_followed_after_the_end() -> None:
    table = Table(a=1, b=2)
    feed = Feed(table.read, poll_seconds=60.0)
    with feed.following("a") as latest:
        latest()
    with feed.following("b") as latest:
        assert latest() == 2
    assert table.queries == [{"a"}, {"b"}]


@pytest.mark.usefixtures("running")
def test_each_change_is_sent_once_until_the_last() -> None:
    table = Table(a=0)
    table.on_query = lambda: table.values.update(a=len(table.queries) // 2)
    assert events(Feed(table.read, poll_seconds=0.0), "a") == [0, 1, 2, 3]


@pytest.mark.usefixtures("running")
def test_a_deleted_key_is_gone() -> None:
    table = Table(a=0)
    table.on_query = lambda: table.values.clear() if len(table.queries) == 3 else None
    assert events(Feed(table.read, poll_seconds=0.0), "a") == [0, "gone"]


@pytest.mark.usefixtures("running")
def test_following_stops_when_the_process_ends() -> None:
    table = Table(a=0)
    table.on_query = lambda: ENDING.set() if len(table.queries) == 3 else None
    assert events(Feed(table.read, poll_seconds=0.0), "a") == [0]
