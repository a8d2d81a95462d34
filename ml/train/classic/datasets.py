"""What a lab model learns from and is examined on: rows of features or mel windows, each with its song and label."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.audio.loading import load
from ml.audio.settings import SAMPLE_RATE
from ml.audio.sniff import sniff
from ml.audio.tags import describe
from ml.features import mel
from ml.features.arrays import Floats, Integers, Mask, Names
from ml.models.card import hash_file
from ml.models.classic.kinds import NETWORK_KINDS
from ml.models.classic.scikit import prepare
from ml.report.errors import SoriError
from ml.train.data import labelled_features
from ml.train.data.cache import Cache
from ml.train.data.corpus import read_artists
from ml.train.data.feature_tables import Table, read_tables
from ml.train.data.labelled_features import Song

_GTZAN_NAME = re.compile(r"[a-z]+\.\d{5}")
MEL_VERSION = "1"
"""Changes when `features.level`, `log_mel` or `windows` do."""


@dataclass(frozen=True)
class Material:
    """`inputs` (rows, ...) and each row's song and label; `names` are the features', where they have some."""

    inputs: Floats
    songs: Names
    labels: Names
    names: tuple[str, ...]
    rate: int

    def where(self, rows: Mask | Integers) -> Material:
        return Material(self.inputs[rows], self.songs[rows], self.labels[rows], self.names, self.rate)

    @property
    def is_gtzan(self) -> bool:
        return all(_GTZAN_NAME.fullmatch(song) for song in self.songs.tolist())


def read_features(paths: Sequence[Path], *, bare: bool = False) -> Material:
    return _material(read_tables(paths), bare=bare)


def read_folder(
    folder: Path, kind: str, cache: Path, show_progress: Callable[[str], None], *, pieces: bool = False
) -> Material:
    """Songs of one sub-folder per genre, as a model of that kind looks at them; `pieces` makes a bare row of each three
    seconds where a song would be one row."""
    songs = labelled_features.labelled(folder)
    if kind in NETWORK_KINDS:
        return _windows(songs, Cache(cache / "mel"), show_progress)
    table = labelled_features.gather(songs, Cache(cache / "handcrafted"), show_progress, windows=pieces)
    return _material(table, bare=pieces)


def artists_of(folder: Path | None, shared: Path) -> dict[str, str]:
    """Whom the songs are by: GTZAN's index where it is there, and what the files themselves say."""
    known = read_artists(shared) if (shared / "gtzan" / "tracks.csv").is_file() else {}
    if folder:
        for name, _, path in labelled_features.labelled(folder):
            if name not in known and (artist := _artist(path)):
                known[name] = artist
    return known


def _artist(path: Path) -> str:
    try:
        with path.open("rb") as file:
            _, artist = describe(file, sniff(file).format, path.name, ("", ""))
    except (OSError, SoriError):
        return ""
    return (artist or "").strip().casefold()


def _material(table: Table, *, bare: bool) -> Material:
    """`bare` leaves the features as they are, as those did who split at random by pieces."""
    names, rows = (table.names, table.features) if bare else prepare(table.names, table.features)
    return Material(rows, table.songs, table.labels, names, table.rate)


def _windows(songs: Sequence[Song], cache: Cache, show_progress: Callable[[str], None]) -> Material:
    heard: list[Floats] = []
    labels: list[str] = []
    names: list[str] = []
    for number, (name, label, path) in enumerate(songs, start=1):
        show_progress(f"listening {number}/{len(songs)}")
        try:
            windows = mel_windows(path, cache)
        except SoriError as error:
            show_progress(f"left out {path.name}: {error}\n")
            continue
        heard.append(windows)
        labels += [label] * len(windows)
        names += [name] * len(windows)
    return Material(np.concatenate(heard), np.array(names), np.array(labels), (), SAMPLE_RATE)


def mel_windows(path: Path, cache: Cache) -> Floats:
    """What `Track.heard_mel` has, cut into windows."""

    def compute() -> Floats:
        return mel.windows(mel.log_mel(mel.level(load(path).samples)))

    return cache.get(f"mel|{MEL_VERSION}|{hash_file(path)}", compute)
