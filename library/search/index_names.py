"""Where index files lie and how they are called. Needs no array library: web processes look here for a newer one."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER_NAME = "index"
FORMAT = 1
"""Raise it when files are laid out in another way. It is in their names: versions of Sori ignore each other's files."""
PART_SUFFIX = ".part"
_NAME = re.compile(rf"similar-v{FORMAT}-(?P<number>\d{{8}})-(?P<token>[0-9a-f]{{16}})\.index")


class NoIndexError(ValueError):
    """A large library has no index file yet."""


def folder_of(home: Path) -> Path:
    return home / FOLDER_NAME


def files_in(folder: Path) -> list[Path]:
    """The index files of this format, newest first."""
    found = [path for path in folder.glob("*.index") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.name, reverse=True)


def newest_name(home: Path) -> str:
    """Empty where there is none."""
    return next((path.name for path in files_in(folder_of(home))), "")


def token_of(path: Path) -> str:
    match = _NAME.fullmatch(path.name)
    return match["token"] if match else ""


def next_path(folder: Path, token: str) -> Path:
    newest = next(iter(files_in(folder)), None)
    match = _NAME.fullmatch(newest.name) if newest else None
    number = int(match["number"]) + 1 if match else 1
    return folder / f"similar-v{FORMAT}-{number:08}-{token}.index"
