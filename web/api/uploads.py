"""A song on its way in: streamed to disk under a generated name, counted and hashed as it comes, told by its bytes.

Nothing else of a multipart body is kept. What is not taken by the end of the request is removed.
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
"""Room for what surrounds the song in the body of a request."""
_LONGEST_NAME = 200
PATIENCE_SECONDS = 30.0
"""How long somebody may go on sending what was refused already."""
_PIECE_BYTES = 65536


class Incoming(io.FileIO):
    """A file that counts and hashes what is written to it, and refuses more than it may hold."""

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(path, "xb+")
        self.path = path
        self.size = 0
        self._most = most
        self._hash = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        self.size += len(data)
        if self.size > self._most:
            raise RequestEntityTooLarge
        self._hash.update(data)
        return super().write(data)

    @property
    def content(self) -> str:
        return self._hash.hexdigest()


class SongRequest(Request):
    """A request whose files are written straight to the disk where they stay."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
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
        self._hear_out()

    def _hear_out(self) -> None:
        """Read what a refused sender still sends: a connection closed on unread bytes is reset, and our answer lost."""
        if not self.environ.get("wsgi.input_terminated"):
            return
        until, left = time.monotonic() + PATIENCE_SECONDS, 2 * service().max_upload_bytes
        with suppress(OSError, ValueError):
            while left > 0 and time.monotonic() < until:
                piece = self.environ["wsgi.input"].read(_PIECE_BYTES)
                if not piece:
                    return
                left -= len(piece)


def songs(request: Request) -> list[tuple[str, Incoming]]:
    """Every song in a multipart request with its name; raises where there is none."""
    found = [
        (file.filename or "", file.stream)
        for file in request.files.getlist(FIELD)
        if file.filename is not None
    ]
    arrived = [(name, stream) for name, stream in found if isinstance(stream, Incoming)]
    if not any(name or stream.size for name, stream in arrived):
        raise NoSongError()
    return arrived


def take(name: str, incoming: Incoming, client: str) -> Analysis:
    """Queue a song that has arrived. Refused, with the reason, where its bytes are no audio."""
    if incoming.size == 0:
        raise EmptyError()
    kind = sniff(incoming)
    if kind.reader is None:
        raise kind.refuse()
    rate_limits.check_room()  # the request may bring more songs than there is room for
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
    """The examples that are there to be tried."""
    folder = service().environment.home / FOLDER_NAME
    return {name: example.title for name, example in EXAMPLES.items() if (folder / f"{name}.flac").is_file()}


def take_example(name: str, client: str) -> Analysis:
    """Hand in one of the examples, as if it had been uploaded."""
    title = examples().get(name)
    if title is None:
        raise MissingError()
    home, folder = service().environment.home, service().analyses.incoming
    folder.mkdir(parents=True, exist_ok=True)
    with Incoming(folder / new_id(), service().max_upload_bytes) as incoming:
        try:
            with (home / FOLDER_NAME / f"{name}.flac").open("rb") as file:
                shutil.copyfileobj(file, incoming)
            return take(translator().translate(title), incoming, client)
        finally:
            incoming.path.unlink(missing_ok=True)


def readable(name: str) -> str:
    """A file's name as people know it: its last part, without what no name has."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C")
    return unicodedata.normalize("NFC", kept).strip()[:_LONGEST_NAME] or "?"
