"""Use up all room on a small disk, for bytes or for files, and give it back."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

BALLAST = "ballast"
_CHUNK = 1 << 20


def fill_bytes(disk: Path) -> None:
    """To the last byte."""
    folder = disk / BALLAST
    folder.mkdir(exist_ok=True)
    with (folder / "bytes").open("ab", buffering=0) as file:
        for size in (_CHUNK, 4096, 1):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


def fill_files(disk: Path) -> None:
    """To the last file."""
    folder, number = disk / BALLAST, 0
    folder.mkdir(exist_ok=True)
    with suppress(OSError):
        while True:
            os.close(os.open(folder / str(number), os.O_CREAT | os.O_EXCL))
            number += 1


def empty(disk: Path) -> None:
    shutil.rmtree(disk / BALLAST, ignore_errors=True)
