"""Listeners' corrections of the genre, for training: the trunk output of a song in a folder named after the genre.

The files hold numbers only, no audio and no names. Each client has one voice for each song, and the number of files is
bounded. A correction stays when the upload expires. It is deleted together with the song when a person deletes that.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from jobs.queue.analyses import Analysis
from jobs.queue.ids import is_address

FOLDER_NAME = "feedback"
TRUNK_OUTPUT_FILE = "trunk_output.npy"
"""In the folder of an analysis: the mean trunk output of the song."""
MAX_VOICES = 10_000


class Feedback:
    def __init__(self, home: Path) -> None:
        self.root = home / FOLDER_NAME

    def store(self, voice: str, folder: Path, genre: str) -> bool:
        """Store the genre of the song in this folder, replacing an earlier one of the same voice.

        False if the trunk output is missing, or if there are `MAX_VOICES` already.
        """
        trunk_output = folder / TRUNK_OUTPUT_FILE
        if not _is_folder_name(genre) or not trunk_output.is_file():
            return False
        self.delete(voice)
        if sum(1 for _ in self.root.glob("*/*.npy")) >= MAX_VOICES:
            return False
        (self.root / genre).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(trunk_output, self.root / genre / f"{voice}.npy")
        return True

    def delete(self, voice: str) -> None:
        if is_address(voice):
            for path in self.root.glob(f"*/{voice}.npy"):
                path.unlink(missing_ok=True)


def voice_of(analysis: Analysis) -> str:
    """One client's voice for one song: the same for every upload of the same bytes by the same client."""
    client = analysis.sender or analysis.client
    return hashlib.sha256(f"{analysis.content} {client}".encode()).hexdigest()[:32]


def _is_folder_name(genre: str) -> bool:
    """The shipped genres all are; labels of another model may not be."""
    return genre not in ("", ".", "..") and not set("/\\\0") & set(genre)
