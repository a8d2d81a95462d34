"""Accepts uploaded songs and examples into the queue; each song is identified by its bytes."""

from __future__ import annotations

import shutil
import unicodedata
from contextlib import suppress

from flask import Request

from jobs.examples import EXAMPLES, FOLDER_NAME
from jobs.queue.analyses import Analysis, Upload
from jobs.queue.ids import new_id
from jobs.queue.song_files.interface import StorageAwayError
from ml.report.errors import EmptyError
from web.access import rate_limits
from web.access.errors import MissingError, NoSongError
from web.access.language import translator
from web.api.format_detection import detect_format
from web.api.song_requests import FIELD, Incoming, new_incoming
from web.context import service

SONG_NAME = "song"
_MAX_NAME_LENGTH = 200


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
    kind = detect_format(incoming.path)
    if kind.reader is None:
        raise kind.refuse()
    analyses = service().analyses
    analysis_id = new_id()
    analyses.files.store(analysis_id, SONG_NAME, incoming.path)
    try:
        upload = Upload(
            client,
            readable(name),
            SONG_NAME,
            kind.format,
            incoming.size,
            incoming.content,
            sender=rate_limits.client_key(),
        )
        with rate_limits.place_in_queue():  # again for each song: one form may hold more than the queue has room for
            analysis = analyses.add(analysis_id, upload, keep_seconds=service().keep_seconds)
    except BaseException:
        with suppress(StorageAwayError):  # the sweeper removes it later
            analyses.files.delete(analysis_id)
        raise
    service().messages.notify_uploads([analysis_id])
    return analysis


def examples() -> dict[str, str]:
    """Name and title of the example songs that have been written."""
    folder = service().environment.home / FOLDER_NAME
    return {name: example.title for name, example in EXAMPLES.items() if (folder / f"{name}.flac").is_file()}


def accept_example(name: str, client: str) -> Analysis:
    """Queue an example song as if it had been uploaded; its analysis where this client has one already."""
    title = examples().get(name)
    if title is None:
        raise MissingError()
    with new_incoming() as incoming:
        try:
            with (service().environment.home / FOLDER_NAME / f"{name}.flac").open("rb") as file:
                shutil.copyfileobj(file, incoming)
            earlier = service().analyses.find(client, incoming.content)
            return earlier or accept(translator().translate(title), incoming, client)
        finally:
            incoming.path.unlink(missing_ok=True)


def readable(name: str) -> str:
    """The last part of a file's path without control characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    return unicodedata.normalize("NFC", visible).strip()[:_MAX_NAME_LENGTH] or "?"
