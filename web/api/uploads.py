"""Uploads: streamed to disk under a generated name, counted and hashed on the way, identified by their bytes.

Nothing else of a multipart body is stored. Files that were not accepted are removed at the end of the request.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import time
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from jobs.examples import EXAMPLES, FOLDER_NAME
from jobs.queue.analyses import Analysis, Upload
from jobs.queue.ids import new_id
from ml.audio.sniff import sniff
from ml.report.errors import EmptyError
from web.access import rate_limits
from web.access.errors import MissingError, NoSongError
from web.access.language import translator
from web.context import service

FIELD = "file"
SONG_NAME = "song"
FORM_BYTES = 1_000_000
"""Size of the request's body beside the song itself."""
_MAX_NAME_LENGTH = 200
MAX_DRAIN_SECONDS = 30.0
"""How long the rest of a refused upload is read."""
_CHUNK_BYTES = 65536


class Incoming(io.FileIO):
    """A file that counts and hashes what is written to it, up to `max_bytes`."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(path, "xb+")
        self.path = path
        self.size = 0
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        self.size += len(data)
        if self.size > self._max_bytes:
            raise RequestEntityTooLarge
        self._hash.update(data)
        return super().write(data)

    @property
    def content(self) -> str:
        return self._hash.hexdigest()


class SongRequest(Request):
    """A request whose files are written directly to their final disk."""

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        folder = service().analyses.incoming
        folder.mkdir(parents=True, exist_ok=True)
        incoming = Incoming(folder / new_id(), service().max_upload_bytes)
        self.__dict__.setdefault("incoming", []).append(incoming)
        return incoming

    def close(self) -> None:
        super().close()
        for incoming in self.__dict__.pop("incoming", ()):
            incoming.close()
            incoming.path.unlink(missing_ok=True)
        self._drain()

    def _drain(self) -> None:
        """Read the rest of a refused upload: closing on unread bytes resets the connection and loses the response."""
        if not self.environ.get("wsgi.input_terminated"):
            return
        deadline, left = time.monotonic() + MAX_DRAIN_SECONDS, 2 * service().max_upload_bytes
        with suppress(OSError, ValueError):
            while left > 0 and time.monotonic() < deadline:
                chunk = self.environ["wsgi.input"].read(_CHUNK_BYTES)
                if not chunk:
                    return
                left -= len(chunk)


def songs(request: Request) -> list[tuple[str, Incoming]]:
    """The songs of a multipart request with their names; raises if there is none."""
    files = [
        (file.filename, file.stream)
        for file in request.files.getlist(FIELD)
        if file.filename is not None and isinstance(file.stream, Incoming)
    ]
    if not any(name or stream.size for name, stream in files):
        raise NoSongError()
    return files


def accept(name: str, incoming: Incoming, client: str) -> Analysis:
    """Queue an uploaded song; raises if its bytes are not audio."""
    if incoming.size == 0:
        raise EmptyError()
    kind = sniff(incoming)
    if kind.reader is None:
        raise kind.refuse()
    rate_limits.check_room()  # again for each song: one request may hold more than the queue has room for
    analyses = service().analyses
    analysis_id = new_id()
    folder = analyses.folder(analysis_id)
    folder.mkdir(parents=True)
    try:
        incoming.path.rename(folder / SONG_NAME)
        upload = Upload(client, readable(name), SONG_NAME, kind.format, incoming.size, incoming.content)
        return analyses.add(analysis_id, upload, keep_seconds=service().keep_seconds)
    except BaseException:
        analyses.remove_folder(analysis_id)
        raise


def examples() -> dict[str, str]:
    """Name and title of the example songs that have been written."""
    folder = service().environment.home / FOLDER_NAME
    return {name: example.title for name, example in EXAMPLES.items() if (folder / f"{name}.flac").is_file()}


def accept_example(name: str, client: str) -> Analysis:
    """Queue an example song as if it had been uploaded."""
    title = examples().get(name)
    if title is None:
        raise MissingError()
    home, folder = service().environment.home, service().analyses.incoming
    folder.mkdir(parents=True, exist_ok=True)
    with Incoming(folder / new_id(), service().max_upload_bytes) as incoming:
        try:
            with (home / FOLDER_NAME / f"{name}.flac").open("rb") as file:
                shutil.copyfileobj(file, incoming)
            return accept(translator().translate(title), incoming, client)
        finally:
            incoming.path.unlink(missing_ok=True)


def readable(name: str) -> str:
    """The last part of a file's path without control characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    return unicodedata.normalize("NFC", visible).strip()[:_MAX_NAME_LENGTH] or "?"
