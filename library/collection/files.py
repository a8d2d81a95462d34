"""Folders to the music files in them, each with the stat that tells whether it changed since the last time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from library.collection.records import File
from ml.audio.folders import looks_like_audio
from ml.report.errors import DeniedError, NotFoundError, ReadError, SoriError

Found = File | tuple[Path, SoriError]
"""A file, or a place that could not be looked into and why."""


class NoFolderError(SoriError):
    code = "no_folder"
    sentence = "There is no folder {folder}. Is its disk connected?"


def walk(folders: Iterable[Path]) -> Iterator[Found]:
    """Every file below the folders that is named like music, once, in the order of names.

    Links are followed, as music collections use them; a folder already seen is not entered again, so that loops end.
    """
    seen: set[tuple[int, int]] = set()
    for folder in folders:
        yield from _walk(Path(os.path.abspath(folder)), seen)


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Found]:
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            status = place.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(place) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            yield place, explain(place, error)
            continue
        inside: list[Path] = []
        for entry in entries:
            path = Path(entry.path)
            try:
                if entry.is_dir():
                    if not entry.name.startswith("."):
                        inside.append(path)
                elif looks_like_audio(path):
                    yield File.of(path, entry.stat())
            except OSError as error:  # a link to nowhere or to itself
                yield path, explain(path, error)
        waiting.extend(reversed(inside))


def explain(path: Path, error: OSError) -> SoriError:
    shown = os.fsencode(path).decode("utf-8", "replace")
    if isinstance(error, PermissionError):
        return DeniedError(path=shown)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotFoundError(path=shown)
    return ReadError(reason=error.strerror or type(error).__name__)
