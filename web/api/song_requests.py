"""Parses the forms of requests. A song is streamed to its final disk under a generated name, counted and hashed.

Only the addresses that take songs accept files, and only the field of songs becomes a file. All other parts are held in
memory, and are short. Files that were not accepted are removed at the end of the request.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.formparser import FormDataParser, MultiPartParser
from werkzeug.sansio.multipart import File

from jobs.queue.ids import new_id
from web.access import rate_limits
from web.access.bodies import FIELD_BYTES, SONGS_PER_FORM, takes_songs
from web.access.errors import BadRequestError, LargeFormError, NoFilesError, TooLargeError, TooManySongsError
from web.access.room import Reservation, reservation
from web.context import service
from web.cooperative import in_native_thread

FIELD = "file"
MAX_DRAIN_SECONDS = 30.0
"""How long the rest of a refused body is read."""
DRAIN_BYTES = 8_000_000
"""How much of a refused body is read beyond twice the largest that is accepted."""
_CHUNK_BYTES = 65536

OpenPart = Callable[[str | None], IO[bytes]]
"""From the name of a field to the stream for its file."""


class Incoming(io.FileIO):
    """A file that counts and hashes what is written to it, up to the largest size of a song."""

    def __init__(self, path: Path, reserved: Reservation) -> None:
        super().__init__(path, "xb+")
        self.path = path
        self.size = 0
        self._reserved = reserved
        self._hash = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        self.size += len(data)
        if self.size > service().max_upload_bytes:
            raise TooLargeError(megabytes=service().environment.max_upload_mb)
        self._reserved.check(len(data))
        in_native_thread(self._store, data)  # a disk may be slow
        self._reserved.count_written(len(data))
        return len(data)

    def _store(self, data: Any) -> None:
        self._hash.update(data)
        left = memoryview(data)
        while left:
            left = left[super().write(left) :]

    @property
    def content(self) -> str:
        return self._hash.hexdigest()


class SmallPart(io.BytesIO):
    """A file in a field that is not the song's. It is ignored, and held in memory."""

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > FIELD_BYTES:
            raise LargeFormError()
        return super().write(data)


class Parts(MultiPartParser):
    def __init__(self, open_part: OpenPart, **limits: Any) -> None:
        super().__init__(**limits)
        self._open_part = open_part

    def start_file_streaming(self, event: File, total_content_length: int | None) -> IO[bytes]:
        return self._open_part(event.name)


class FormParser(FormDataParser):
    def __init__(self, open_part: OpenPart, **limits: Any) -> None:
        super().__init__(**limits)
        self._open_part = open_part

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, Any]]:
        if mimetype != "multipart/form-data":
            return super().parse(stream, mimetype, content_length, options)
        parts = Parts(
            self._open_part, max_form_memory_size=self.max_form_memory_size, max_form_parts=self.max_form_parts
        )
        try:
            boundary = (options or {})["boundary"].encode("ascii")
            return stream, *parts.parse(stream, boundary, content_length)
        except (KeyError, ValueError) as error:
            raise BadRequestError() from error


class SongRequest(Request):
    def make_form_data_parser(self) -> FormParser:
        return FormParser(
            self._open_part,
            max_form_memory_size=self.max_form_memory_size,
            max_content_length=self.max_content_length,
            max_form_parts=self.max_form_parts,
        )

    def _open_part(self, field: str | None) -> IO[bytes]:
        if not takes_songs():
            raise NoFilesError()
        if field != FIELD:
            return SmallPart()
        songs: list[Incoming] = self.__dict__.setdefault("songs", [])
        if len(songs) == SONGS_PER_FORM:
            raise TooManySongsError(count=SONGS_PER_FORM)
        if songs:  # the first one was counted before the body was read
            rate_limits.take_song()
        songs.append(new_incoming())
        return songs[-1]

    def close(self) -> None:
        super().close()
        for song in self.__dict__.pop("songs", ()):
            song.close()
            song.path.unlink(missing_ok=True)
        self._drain()

    def _drain(self) -> None:
        """Read the rest of a refused body: closing on unread bytes resets the connection and loses the response."""
        if not self.environ.get("wsgi.input_terminated"):
            return
        deadline, left = time.monotonic() + MAX_DRAIN_SECONDS, 2 * (self.max_content_length or 0) + DRAIN_BYTES
        with suppress(OSError, ValueError):
            while left > 0 and time.monotonic() < deadline:
                chunk = self.environ["wsgi.input"].read(_CHUNK_BYTES)
                if not chunk:
                    return
                left -= len(chunk)


def new_incoming() -> Incoming:
    """A new file for a song that this request brings."""
    folder = service().analyses.incoming
    folder.mkdir(parents=True, exist_ok=True)
    return Incoming(folder / new_id(), reservation())
