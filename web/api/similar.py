"""The neighbour index of the library in this process. A request waits only briefly for it to be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import Flask, current_app

from library.search.current import CurrentLibrary
from web.access.errors import WebError
from web.context import service

if TYPE_CHECKING:
    from library.search.neighbours import Library

NAME = "neighbourhood"
MAX_WAIT_SECONDS = 0.5
"""How long a request waits for the first loading. A small library is loaded by then."""


class LoadingError(WebError):
    code = "still_reading"
    status = 503
    retry_after = 2
    sentence = "The library is still loading. Similar songs will be available in a moment."


def install(app: Flask) -> None:
    with app.app_context():
        app.extensions[NAME] = CurrentLibrary(service().catalogue)


def current() -> CurrentLibrary:
    return cast(CurrentLibrary, current_app.extensions[NAME])


def neighbourhood() -> Library:
    """The library as last loaded; raises `LoadingError` if it has not been loaded yet."""
    library = current().newest(MAX_WAIT_SECONDS)
    if library is None:
        raise LoadingError()
    return library
