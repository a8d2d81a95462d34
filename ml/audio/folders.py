"""Finds the audio files in folders, for `analyse`, training and the library.

A file that is named directly is always tried; in a folder only names with an audio extension count. What a file really
is follows later from its content.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
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
        files.extend(_walk(path) if path.is_dir() else [path])
    return files


def _walk(folder: Path) -> list[Path]:
    """Follows links, which music libraries use; a folder that was visited before is not entered again."""
    visited: set[tuple[int, int]] = set()
    files: list[Path] = []

    def add_unreadable(error: OSError) -> None:
        files.append(Path(os.fsdecode(error.filename)))

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=add_unreadable):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files.extend(Path(parent, name) for name in names if looks_like_audio(Path(name)))
    return sorted(files)
