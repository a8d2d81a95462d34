"""The library's neighbours for the pages and the API. A request never waits long for them; until they can be found it
is told so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import Flask, current_app

from library.search.current import CurrentLibrary
from web.access.errors import WebError
from web.context import service

if TYPE_CHECKING:
    from library.search.neighbours import Library

NAME = "neighbourhood"
PATIENCE_SECONDS = 0.5
"""So long a request waits for the first reading: a small library is there by then."""


class StillReadingError(WebError):
    code = "still_reading"
    status = 503
    retry_after = 2
    sentence = "The library is still being read. Similar songs come in a moment."


def install(app: Flask) -> None:
    with app.app_context():
        app.extensions[NAME] = CurrentLibrary(service().catalogue)


def current() -> CurrentLibrary:
    return cast(CurrentLibrary, current_app.extensions[NAME])


def neighbourhood() -> Library:
    """The newest library that was read; raises `StillReadingError` where there is none yet."""
    library = current().newest(PATIENCE_SECONDS)
    if library is None:
        raise StillReadingError()
    return library
