"""What each place for the files of uploads can do. A file is known by the id of its analysis and its name there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jobs.queue.ids import is_address
from ml.report.errors import SoriError


class StorageAwayError(SoriError):
    """The cause is in the log."""

    code = "storage_away"
    sentence = "The storage for songs cannot be reached right now. Try again in a moment."


@dataclass(frozen=True)
class FileStatus:
    size: int
    modified: float
    """Seconds since 1970."""


class SongFiles(Protocol):
    """Every method raises `ValueError` for an id that is no address or a name that is no file name, and
    `StorageAwayError` where the files are elsewhere and cannot be reached."""

    def path(self, analysis_id: str, name: str) -> Path | None:
        """Where a file is on this machine; None where files are elsewhere."""

    def names(self, analysis_id: str) -> set[str]:
        """The files of an analysis; none where it is not known."""

    def status(self, analysis_id: str, name: str) -> FileStatus:
        """Raises `FileNotFoundError` where there is no such file."""

    def read(self, analysis_id: str, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """A part of a file. Raises `FileNotFoundError` where there is no such file."""

    def store(self, analysis_id: str, name: str, path: Path) -> None:
        """Move a file of this machine here. Where this fails, no part of it is left."""

    def copy(self, source_id: str, target_id: str, names: Iterable[str]) -> None:
        """Copy those of these files that exist from one analysis to another."""

    def working_folder(self, analysis_id: str, name: str) -> AbstractContextManager[Path]:
        """A folder of this machine with the song `name` in it. What the block writes there is stored at its end.

        Raises `NotFoundError` where files are elsewhere and the song is not there."""

    def delete(self, analysis_id: str) -> None:
        """Delete the files of an analysis, and nothing else; no error where there are none."""

    def ids(self) -> set[str]:
        """The analyses that have files here, except in the home, where `jobs.sweeper` looks itself."""

    def remove_copies(self, known: set[str]) -> None:
        """Remove the copies that this machine keeps of songs other than these."""

    def check(self) -> None:
        """Raises where nothing can be stored."""


def checked_id(analysis_id: str) -> str:
    """The id. Other text is refused: in a path it could lead anywhere."""
    if not is_address(analysis_id):
        raise ValueError(f"{analysis_id!r} is no address of an analysis")
    return analysis_id


def checked_name(name: str) -> str:
    """The name of a file of an analysis; all of them are ours."""
    if re.fullmatch(r"[a-z][a-z_]*(\.[a-z]+)?", name) is None:
        raise ValueError(f"{name!r} is no name of a file of an analysis")
    return name
