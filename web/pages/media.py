"""The audio file of an analysis, for the player, and its spectrogram and chromagram."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, request, send_file, send_from_directory

from web.access.errors import MissingError
from web.api import analysis_views
from web.api.uploads import readable
from web.context import service

media = Blueprint("media", __name__)

PICTURES = {"spectrogram": (960, 192), "chromagram": (960, 144)}
"""Width and height of the images that a worker draws."""
_CACHE_SECONDS = 3600

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
    path = service().analyses.folder(analysis_id) / analysis.file
    return send_audio(path, format=analysis.format, name=analysis.name, etag=analysis.content)


@media.get("/a/<analysis_id>/<any(spectrogram, chromagram):picture>.png")
def image(analysis_id: str, picture: str) -> Response:
    folder = service().analyses.folder(analysis_views.find(analysis_id).id)
    if not (folder / f"{picture}.png").is_file():
        raise MissingError()
    response = send_from_directory(folder, f"{picture}.png", mimetype="image/png", max_age=_CACHE_SECONDS)
    return _private(response)


def send_audio(path: Path, *, format: str, name: str, etag: str | None = None) -> Response:
    """An audio file, also in ranges as a player requests it, and never as a type that a browser would execute."""
    if not path.is_file():
        raise MissingError()
    status = path.stat()
    response = send_file(
        path,
        mimetype=MIMES.get(format, "application/octet-stream"),
        download_name=readable(name),  # a line break or an escape sequence would be no valid header
        conditional=True,
        etag=etag or f"{status.st_mtime_ns:x}-{status.st_size:x}",  # Flask's own needs a path in UTF-8
        max_age=_CACHE_SECONDS,
    )
    response.headers.setdefault("Accept-Ranges", "bytes")
    return _private(response)


def _private(response: Response) -> Response:
    """Cached by the requesting browser alone, not by proxies."""
    response.cache_control.public = False
    response.cache_control.private = True
    if "Range" in request.headers:
        response.headers.add("Vary", "Range")
    return response
