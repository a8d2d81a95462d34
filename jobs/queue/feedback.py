"""Listeners' corrections of the genre, for training: the trunk output of a song in a folder named after the genre.

The files hold numbers only, no audio and no names. A correction stays when the upload expires. It is deleted together
with the song when a person deletes that.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from jobs.queue.ids import is_address

FOLDER_NAME = "feedback"
TRUNK_OUTPUT_FILE = "trunk_output.npy"
"""In the folder of an analysis: the mean trunk output of the song."""


class Feedback:
    def __init__(self, home: Path) -> None:
        self.root = home / FOLDER_NAME

    def store(self, analysis_id: str, folder: Path, genre: str) -> bool:
        """Store the genre of one analysis, replacing an earlier one. False if its trunk output is missing."""
        trunk_output = folder / TRUNK_OUTPUT_FILE
        if not _is_folder_name(genre) or not trunk_output.is_file():
            return False
        self.delete(analysis_id)
        (self.root / genre).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(trunk_output, self.root / genre / f"{analysis_id}.npy")
        return True

    def delete(self, analysis_id: str) -> None:
        if is_address(analysis_id):
            for path in self.root.glob(f"*/{analysis_id}.npy"):
                path.unlink(missing_ok=True)


def _is_folder_name(genre: str) -> bool:
    """The shipped genres all are; labels of another model may not be."""
    return genre not in ("", ".", "..") and not set("/\\\0") & set(genre)
