"""Listeners' corrections of the genre, for training: the trunk output of a song in a folder named after the genre.

The files hold numbers only, no audio and no names. Each client has one voice for each song, and the number of files is
bounded. A correction stays when the upload expires. It is deleted together with the song when a person deletes that.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from jobs.queue.analyses import Analysis
from jobs.queue.ids import is_address

FOLDER_NAME = "feedback"
TRUNK_OUTPUT_FILE = "trunk_output.npy"
"""Among the files of an analysis: the mean trunk output of the song."""
MAX_VOICES = 10_000


class Feedback:
    def __init__(self, home: Path) -> None:
        self.root = home / FOLDER_NAME

    def store(self, voice: str, trunk_output: bytes, genre: str) -> bool:
        """Store the genre of the song with this trunk output, replacing an earlier one of the same voice.

        False if there are `MAX_VOICES` already.
        """
        if not _is_folder_name(genre):
            return False
        self.delete(voice)
        if sum(1 for _ in self.root.glob("*/*.npy")) >= MAX_VOICES:
            return False
        (self.root / genre).mkdir(parents=True, exist_ok=True)
        (self.root / genre / f"{voice}.npy").write_bytes(trunk_output)
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
