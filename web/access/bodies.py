"""Refuses what has no address or is too large from the head of a request, before any of its body is read."""

from __future__ import annotations

from flask import Flask, request

from web.access.errors import LargeFormError, TooLargeError
from web.context import service

SONG_ENDPOINTS = {"pages.upload", "api.create"}
"""Only these accept files. Everywhere else a body is a short form, which is held in memory."""
SONGS_PER_FORM = 20
FIELDS_PER_FORM = 20
FORM_BYTES = 1_000_000
"""Size of the body of an upload beside the song itself."""
FIELD_BYTES = 64_000
"""Size of the body of any other form, and of each part of an upload that is no song."""


def install(app: Flask) -> None:
    app.before_request(_check)


def takes_songs() -> bool:
    return request.endpoint in SONG_ENDPOINTS


def _check() -> None:
    if request.routing_exception is not None:  # no such address, or not with this method
        raise request.routing_exception
    request.max_content_length = service().max_upload_bytes + FORM_BYTES if takes_songs() else FIELD_BYTES
    request.max_form_parts = SONGS_PER_FORM + FIELDS_PER_FORM
    if (request.content_length or 0) > request.max_content_length:
        if takes_songs():
            raise TooLargeError(megabytes=service().environment.max_upload_mb)
        raise LargeFormError()
