"""The audio file of an analysis, for the player, and its spectrogram and chromagram."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from flask import Blueprint, Response, request, send_file

from jobs.queue.song_files.interface import SongFiles
from web.access.errors import MissingError
from web.api import analysis_views
from web.api.uploads import readable
from web.context import service

media = Blueprint("media", __name__)

PICTURES = {"spectrogram": (960, 192), "chromagram": (960, 144)}
"""Width and height of the images that a worker draws."""
_CACHE_SECONDS = 3600
_BLOCK_BYTES = 131_072
"""Of a song in a storage elsewhere. A client that reads slowly keeps one block in memory."""

MIMES = {
    **{name: f"audio/{name.lower()}" for name in ("WAV", "FLAC", "AIFF", "AAC", "MP4", "WebM")},
    **{f"Ogg {codec}": "audio/ogg" for codec in ("Vorbis", "Opus", "FLAC", "Speex")},
    **{"MP3": "audio/mpeg", "AU": "audio/basic", "CAF": "audio/x-caf"},
    **{"WMA": "audio/x-ms-wma", "Matroska": "audio/x-matroska"},
}
"""By the format detected from the file's bytes, never by the file's name."""


@media.get("/a/<analysis_id>/audio")
def audio(analysis_id: str) -> Response:
    analysis = analysis_views.find(analysis_id)
    path = service().analyses.files.path(analysis_id, analysis.file)
    if path is not None:
        return send_audio(path, format=analysis.format, name=analysis.name, etag=analysis.content)
    mime = _mime_of(analysis.format)
    return _send_stored(analysis_id, analysis.file, mime=mime, name=analysis.name, etag=analysis.content)


@media.get("/a/<analysis_id>/<any(spectrogram, chromagram):picture>.png")
def image(analysis_id: str, picture: str) -> Response:
    name = f"{picture}.png"
    path = service().analyses.files.path(analysis_views.find(analysis_id).id, name)
    if path is None:
        return _send_stored(analysis_id, name, mime="image/png", name=name)
    if not path.is_file():
        raise MissingError()
    return _private(send_file(path, mimetype="image/png", max_age=_CACHE_SECONDS))


def send_audio(path: Path, *, format: str, name: str, etag: str | None = None) -> Response:
    """An audio file, also in ranges as a player requests it, and never as a type that a browser would execute."""
    if not path.is_file():
        raise MissingError()
    status = path.stat()
    response = send_file(
        path,
        mimetype=_mime_of(format),
        download_name=readable(name),  # a line break or an escape sequence would be no valid header
        conditional=True,
        etag=etag or f"{status.st_mtime_ns:x}-{status.st_size:x}",  # Flask's own needs a path in UTF-8
        max_age=_CACHE_SECONDS,
    )
    response.headers.setdefault("Accept-Ranges", "bytes")
    return _private(response)


def _send_stored(analysis_id: str, file: str, *, mime: str, name: str, etag: str | None = None) -> Response:
    """A file in a storage elsewhere, of which only the requested range is read, with the headers of `send_file`."""
    files = service().analyses.files
    try:
        status = files.status(analysis_id, file)
    except FileNotFoundError:
        raise MissingError() from None
    response = send_file(
        BytesIO(),  # for the headers alone
        mimetype=mime,
        download_name=readable(name),
        conditional=False,
        etag=False,
        last_modified=status.modified,
        max_age=_CACHE_SECONDS,
    )
    response.content_length = status.size
    response.set_etag(etag or f"{status.modified}-{status.size}")
    response.make_conditional(request, accept_ranges=True, complete_length=status.size)
    span = response.content_range if response.status_code == 206 else None
    start, stop = (0, status.size) if span is None else (span.start or 0, span.stop or 0)
    response.response = _blocks(files, analysis_id, file, start, stop) if response.status_code != 304 else ()
    response.headers.setdefault("Accept-Ranges", "bytes")
    return _private(response)


def _blocks(files: SongFiles, analysis_id: str, name: str, start: int, stop: int) -> Iterator[bytes]:
    while start < stop and (block := files.read(analysis_id, name, start, min(stop, start + _BLOCK_BYTES))):
        yield block
        start += len(block)


def _mime_of(format: str) -> str:
    return MIMES.get(format, "application/octet-stream")


def _private(response: Response) -> Response:
    """Cached by the requesting browser alone, not by proxies."""
    response.cache_control.public = False
    response.cache_control.private = True
    if "Range" in request.headers:
        response.headers.add("Vary", "Range")
    return response
