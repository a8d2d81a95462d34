"""A folder of labelled songs to a table of features, every song heard once and its rows kept.

What cannot be heard is named and left out. Songs are brought to one loudness first, as everywhere in Sori.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ml.audio.folders import find_audio
from ml.audio.loading import load
from ml.audio.settings import SAMPLE_RATE
from ml.features import mel
from ml.features.arrays import Floats
from ml.features.handcrafted import extraction
from ml.models.card import hash_file
from ml.report.errors import SoriError
from ml.train.data.cache import Cache
from ml.train.data.feature_tables import Table

WINDOW_SECONDS = 3.0
CACHE_FOLDER = Path(".cache/handcrafted")
Song = tuple[str, str, Path]
"""Its name, its label, its file."""


class NothingLabelledError(SoriError):
    code = "nothing_labelled"
    sentence = "There are no labelled songs in {folder}. It must hold a sub-folder of songs per genre."


def labelled(folder: Path) -> list[Song]:
    """Songs in one sub-folder per genre; the sub-folder's name is the label, the file's stem the song's name."""
    genres = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    songs = [(file.stem, genre.name, file) for genre in genres for file in find_audio([genre])]
    if not songs:
        raise NothingLabelledError(folder=str(folder))
    stems = [name for name, _, _ in songs]
    if len(set(stems)) < len(stems):  # the same file name in two folders is two songs
        songs = [(str(file.relative_to(folder)), label, file) for _, label, file in songs]
    return songs


def gather(
    songs: Sequence[Song], cache: Cache, show_progress: Callable[[str], None], *, windows: bool
) -> Table:
    """One row a song, or with `windows` one row for each three seconds of it."""
    rows, labels, names = [], [], []
    for number, (name, label, path) in enumerate(songs, start=1):
        show_progress(f"listening {number}/{len(songs)}")
        try:
            found = describe_file(path, cache)
        except SoriError as error:
            show_progress(f"left out {path.name}: {error}\n")
            continue
        kept = found[1:] if windows else found[:1]
        rows.append(kept)
        labels += [label] * len(kept)
        names += [name] * len(kept)
    if not rows:
        raise NothingLabelledError(folder=str(songs[0][2].parent.parent))
    return Table(np.concatenate(rows), extraction.NAMES, np.array(labels), np.array(names), SAMPLE_RATE)


def describe_file(path: Path, cache: Cache) -> Floats:
    """(1 + windows, names): the row of the whole song, then one for each three seconds."""

    def compute() -> Floats:
        heard = extraction.extract(mel.level(load(path).samples), SAMPLE_RATE)
        return np.concatenate([heard.row()[None], heard.windows(WINDOW_SECONDS)])

    return cache.get(f"handcrafted {extraction.VERSION}|mel {mel.VERSION}|{hash_file(path)}", compute)
