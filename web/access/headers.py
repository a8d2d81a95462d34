"""Headers of every response: content policy and caching. Text is compressed.

`url_for` adds the hash of its content to the address of a static file, so that browsers can cache it for a year.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request
from werkzeug.security import safe_join

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_YEAR = 31_536_000
_COMPRESSED = ("text/", "application/json", "application/javascript", "image/svg+xml")
_COMPRESSED_BYTES = range(1024, 5_000_001)


def install(app: Flask) -> None:
    app.url_defaults(_add_hash)
    app.after_request(_finish)


def _finish(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR}")
    if request.endpoint == "static":
        is_hashed = "v" in request.args and response.status_code in (200, 304)
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if is_hashed else "no-cache"
    else:
        response.headers.setdefault("Cache-Control", "private, no-cache")
        response.vary.add("Accept-Language")
    return _compress(response)


def _compress(response: Response) -> Response:
    """Compress text; small responses, streams, audio and pictures are sent as they are."""
    if not (response.mimetype or "").startswith(_COMPRESSED) or response.mimetype == "text/event-stream":
        return response
    response.vary.add("Accept-Encoding")
    if (
        response.status_code != 200
        or "Content-Encoding" in response.headers
        or not request.accept_encodings["gzip"]
        or response.content_length not in _COMPRESSED_BYTES
        or request.method == "HEAD"
    ):
        return response
    response.direct_passthrough = False
    response.set_data(gzip.compress(response.get_data(), 5, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    response.headers.pop("Accept-Ranges", None)
    tag, is_weak = response.get_etag()
    if tag and not is_weak:
        response.set_etag(tag, weak=True)
    return response


def _add_hash(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint != "static" or current_app.static_folder is None or "filename" not in values:
        return
    path = safe_join(current_app.static_folder, values["filename"])
    if path is not None and Path(path).is_file():
        values["v"] = hash_of(path, Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def hash_of(path: str, mtime_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
