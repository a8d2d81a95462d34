"""What an analysis keeps beside its report: the song itself to be played, and the pictures of it."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, Response, request, send_file, send_from_directory

from web.access.errors import MissingError
from web.api import analysis_views
from web.context import service

media = Blueprint("media", __name__)

PICTURES = {"spectrogram": (960, 192), "chromagram": (960, 144)}
"""The pictures that a worker draws, each with its width and height."""
_KEEP_SECONDS = 3600

MIMES = {
    "WAV": "audio/wav",
    "FLAC": "audio/flac",
    "MP3": "audio/mpeg",
    "AIFF": "audio/aiff",
    "AU": "audio/basic",
    "CAF": "audio/x-caf",
    "WMA": "audio/x-ms-wma",
    "AAC": "audio/aac",
    "MP4": "audio/mp4",
    "WebM": "audio/webm",
    "Matroska": "audio/x-matroska",
    "Ogg Vorbis": "audio/ogg",
    "Ogg Opus": "audio/ogg",
    "Ogg FLAC": "audio/ogg",
    "Ogg Speex": "audio/ogg",
}
"""By the format that the bytes were told to be, never by the file's name."""


def install(app: Flask) -> None:
    app.register_blueprint(media)


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
    sent = send_from_directory(folder, f"{picture}.png", mimetype="image/png", max_age=_KEEP_SECONDS)
    return _private(sent)


def send_audio(path: Path, *, format: str, name: str, etag: str | bool = True) -> Response:
    """A sound file as a player asks for it: piece by piece, and never as something that a browser would run."""
    if not path.is_file():
        raise MissingError()
    sent = send_file(
        path,
        mimetype=MIMES.get(format, "application/octet-stream"),
        download_name=name,
        conditional=True,
        etag=etag,
        max_age=_KEEP_SECONDS,
    )
    sent.headers.setdefault("Accept-Ranges", "bytes")
    return _private(sent)


def _private(response: Response) -> Response:
    """Kept by the one browser that asked, not by what lies between."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.cache_control.public = False
    response.cache_control.private = True
    if "Range" in request.headers:
        response.headers.add("Vary", "Range")
    return response
