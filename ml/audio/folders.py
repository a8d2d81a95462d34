"""Folders of music to a list of files: what `analyse`, training and the library start from.

A file that a person names is always tried, whatever it is called; in a folder only the names that look like
audio are taken. What a file truly is gets decided later, by its content.
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
    """By name alone. Names that start with a dot are hidden, or macOS's resource forks (`._song.mp3`)."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def find_audio(paths: Iterable[Path]) -> list[Path]:
    """The named files in the order given, each folder replaced by the audio files in it, sorted by path.

    A folder that cannot be listed stays in the list as itself, so that whoever opens it reports the reason.
    """
    files: list[Path] = []
    for path in paths:
        files.extend(_walk(path) if path.is_dir() else [path])
    return files


def _walk(folder: Path) -> Iterator[Path]:
    """Links are followed, as music libraries use them; a folder already seen is not entered again."""
    closed: list[Path] = []
    seen: set[tuple[int, int]] = set()
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        closed.append(Path(os.fsdecode(error.filename)))

    for place, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.extend(Path(place, name) for name in names if looks_like_audio(Path(name)))
    return iter(sorted(found + closed))
