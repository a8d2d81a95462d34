"""Finds the music files in folders, each with the size and time by which a change is recognised."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ml.audio.folders import walk as walk_folders
from ml.audio.sniff import sniff
from ml.report.cells import readable_path
from ml.report.errors import DeniedError, NotFoundError, ReadError, SoriError

_TIME_BITS = 2**63 - 1


class NoFolderError(SoriError):
    code = "no_folder"
    sentence = "There is no folder {folder}. Is its disk connected?"


@dataclass(frozen=True)
class File:
    """A file as a scan found it."""

    path: Path
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> File:
        """Times that no database column holds, before 1678 or after 2262, are brought into range."""
        return cls(path, status.st_size, status.st_mtime_ns & _TIME_BITS)

    def hash_content(self) -> str | None:
        """SHA-256 of the content; None where it cannot be read, for which the analysis gives the reason."""
        try:
            return hash_content(self.path) if self.path.is_file() else None
        except OSError:
            return None

    def contains_audio(self) -> bool:
        """Whether the file begins as audio does. One WAV file of the widely spread reference collection does not."""
        try:
            with self.path.open("rb") as file:
                return self.path.is_file() and sniff(file).reader is not None
        except OSError:
            return False


Unreadable = tuple[Path, SoriError]
"""A folder or file that could not be examined, and why."""


def walk(folders: Iterable[Path]) -> Iterator[File | Unreadable]:
    """Every file below the folders that is named like music, by its absolute path."""
    for path, status in walk_folders(Path(os.path.abspath(folder)) for folder in folders):
        yield (path, explain(path, status)) if isinstance(status, OSError) else File.of(path, status)


def hash_content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def explain(path: Path, error: OSError) -> SoriError:
    shown = readable_path(path)
    if isinstance(error, PermissionError):
        return DeniedError(path=shown)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotFoundError(path=shown)
    return ReadError(reason=error.strerror or type(error).__name__)
