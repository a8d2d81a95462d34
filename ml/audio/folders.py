"""Finds the audio files in folders, for `analyse`, training and the library.

A file that is named directly is always tried; in a folder only names with an audio extension count. What a file really
is follows later from its content.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

AUDIO_SUFFIXES = frozenset(
    {".aac", ".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".m4a", ".m4b", ".mka", ".mp2", ".mp3", ".mp4"}
    | {".oga", ".ogg", ".opus", ".rf64", ".snd", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma"}
)


def looks_like_audio(path: Path) -> bool:
    """By name only. Names that start with a dot are hidden files or resource forks of macOS (`._song.mp3`)."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def find_audio(paths: Iterable[Path]) -> list[Path]:
    """The paths in the order given, each folder replaced by the audio files in it, sorted by path.

    A folder that cannot be listed stays in the list, so that opening it reports the reason.
    """
    files: list[Path] = []
    for path in paths:
        below = (found for found, _ in walk([path]) if looks_like_audio(found) or found.is_dir())
        files.extend(sorted(below) if path.is_dir() else [path])
    return files


def walk(folders: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result | OSError]]:
    """Every file below the folders that is named like music, once, sorted by name, with its status.

    Folders and files that cannot be examined come with the error. Links are followed, as music collections use them; no
    folder is entered twice, so that loops end.
    """
    visited: set[tuple[int, int]] = set()
    waiting = list(folders)[::-1]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            yield folder, error
            continue
        subfolders: list[Path] = []
        for entry in entries:
            path = Path(entry.path)
            try:
                if entry.is_dir():
                    if not entry.name.startswith("."):
                        subfolders.append(path)
                elif looks_like_audio(path):
                    yield path, entry.stat()
            except OSError as error:  # a link to nowhere or to itself
                yield path, error
        waiting.extend(reversed(subfolders))
