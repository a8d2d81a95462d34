"""Server-sent events: what a page follows until it ends."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from flask import Response, stream_with_context

from web.context import ENDING

Value = TypeVar("Value")
FOLLOW_SECONDS = 300.0
"""How long one response follows; then browsers connect again."""


class Feed(Generic[Value]):
    """The current values of all followed keys, read together: any number of followers costs one query at a time."""

    def __init__(self, read: Callable[[set[str]], Mapping[str, Value]], *, poll_seconds: float) -> None:
        self.poll_seconds = poll_seconds
        self._read = read
        self._followed: Counter[str] = Counter()
        self._values: Mapping[str, Value] = {}
        self._read_again_at = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def following(self, key: str) -> Iterator[Callable[[], Value | None]]:
        """A function that returns the value of the key, at most `poll_seconds` old; None where there is none."""
        with self._lock:
            self._followed[key] += 1
            self._read_again_at = 0.0
        try:
            yield lambda: self._latest().get(key)
        finally:
            with self._lock:
                self._followed[key] -= 1
                self._followed += Counter()  # removes keys that nobody follows

    def _latest(self) -> Mapping[str, Value]:
        with self._lock:
            if time.monotonic() >= self._read_again_at:
                self._values = self._read(set(self._followed))
                self._read_again_at = time.monotonic() + self.poll_seconds
            return self._values


def stream(events: Iterator[str]) -> Response:
    response = Response(stream_with_context(events), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def follow(
    feed: Feed[Value], key: str, to_state: Callable[[Value], dict[str, Any]], is_last: Callable[[Value], bool]
) -> Iterator[str]:
    """An event for each value that differs from the one before, until the last one. An event `gone` says that there is
    nothing to follow any more."""
    sent, until = None, time.monotonic() + FOLLOW_SECONDS
    with feed.following(key) as latest:
        while not ENDING.is_set():
            value = latest()
            if value is None:
                yield "event: gone\ndata: {}\n\n"
                return
            state = to_state(value)
            if state != sent:
                sent = state
                yield f"data: {json.dumps(state)}\n\n"
            if is_last(value) or time.monotonic() >= until:
                return
            time.sleep(feed.poll_seconds)
