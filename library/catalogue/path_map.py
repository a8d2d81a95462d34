"""Paths of music on several machines: the database has them as the first machine sees them, this one may see others.

Set once, when a process starts. Everywhere else paths are those of this machine; the columns of the database translate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_pairs: list[tuple[Path, Path]] = []


def use_path_map(pairs: Sequence[Sequence[Path]]) -> None:
    """Folders as the database has them, each with the folder where this machine finds the same music."""
    _pairs[:] = [(theirs, ours) for theirs, ours in pairs]


def to_local(path: Path) -> Path:
    """Where this machine finds what the database calls `path`."""
    return _replace(path, _pairs)


def to_shared(path: Path) -> Path:
    """What the database calls a path of this machine."""
    return _replace(path, [(ours, theirs) for theirs, ours in _pairs])


def _replace(path: Path, pairs: Sequence[tuple[Path, Path]]) -> Path:
    for folder, other in pairs:
        if path.is_relative_to(folder):
            return other / path.relative_to(folder)
    return path
