"""Server-sent events: what a page follows until it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from flask import Response, stream_with_context

from web.context import ENDING


def stream(events: Iterator[str]) -> Response:
    response = Response(stream_with_context(events), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def follow(
    read: Callable[[], tuple[dict[str, Any], bool] | None], *, seconds: float, poll_seconds: float
) -> Generator[str, None, bool]:
    """An event for each state that differs from the one before, until the last one, at most for `seconds`.

    `read` returns a state and whether it is the last, or None where nothing is left to follow: the result is False.
    """
    sent, until = None, time.monotonic() + seconds
    while not ENDING.is_set():
        if (current := read()) is None:
            return False
        state, is_last = current
        if state != sent:
            sent = state
            yield f"data: {json.dumps(state)}\n\n"
        if is_last or time.monotonic() >= until:
            break
        time.sleep(poll_seconds)
    return True
