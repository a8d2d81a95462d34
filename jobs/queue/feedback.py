"""Listeners' answers for training: what the model heard in a song, under the genre that somebody said is right.

One folder per genre, like every collection that is learnt from; a file holds numbers alone, neither sound nor name. An
answer outlives the song, which expires; it is forgotten when the song is deleted by hand.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from jobs.queue.ids import is_address

FOLDER_NAME = "feedback"
TRUNK_OUTPUT_FILE = "trunk_output.npy"
"""In the folder of an analysis: the mean of what the trunk heard."""


class Feedback:
    def __init__(self, home: Path) -> None:
        self.root = home / FOLDER_NAME

    def keep(self, analysis_id: str, folder: Path, genre: str) -> bool:
        """Keep the answer to one song, in place of an earlier one. False where nothing is known of the song."""
        heard = folder / TRUNK_OUTPUT_FILE
        if not _is_name(genre) or not heard.is_file():
            return False
        self.forget(analysis_id)
        (self.root / genre).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(heard, self.root / genre / f"{analysis_id}.npy")
        return True

    def forget(self, analysis_id: str) -> None:
        if is_address(analysis_id):
            for path in self.root.glob(f"*/{analysis_id}.npy"):
                path.unlink(missing_ok=True)


def _is_name(genre: str) -> bool:
    """Genres are the names of folders already; a stranger's model might have others."""
    return genre not in ("", ".", "..") and not set("/\\\0") & set(genre)
