"""Rows that a classic model is trained and tested on: features or mel windows, each with its song and label.

They are read from feature files, or extracted from songs: these are brought to one loudness first, as in the product,
and finished songs stay in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ml.audio.loading import load
from ml.audio.settings import SAMPLE_RATE
from ml.audio.sniff import sniff
from ml.audio.tags import title_and_artist
from ml.features import mel
from ml.features.arrays import Floats
from ml.features.handcrafted import extraction
from ml.models.card import hash_file
from ml.models.classic.kinds import NETWORK_KINDS
from ml.models.classic.scikit import prepare
from ml.report.errors import SoriError
from ml.train.data import corpus
from ml.train.data.corpus import CorpusError, Example, process_examples
from ml.train.data.feature_tables import FeatureTable, read_tables
from ml.train.files import Cache

WINDOW_SECONDS = 3.0
CACHE_FOLDER = Path(".cache/handcrafted")


def read_features(paths: Sequence[Path], *, bare: bool = False) -> FeatureTable:
    """Feature files; `bare` leaves the features as they are, as in the published figures with leaky splits."""
    table = read_tables(paths)
    return table if bare else _prepared(table)


def read_folder(folder: Path, kind: str, cache: Path, *, pieces: bool = False) -> FeatureTable:
    """Songs in one sub-folder per genre, as the inputs of a model of that kind.

    With `pieces`, a song is not one row but one unprepared row for every three seconds.
    """
    examples = corpus.read_folder(folder, least_genres=1)
    if kind in NETWORK_KINDS:
        return mel_table(examples, Cache(cache / "mel"))
    table = handcrafted_table(examples, Cache(cache / "handcrafted"), windows=pieces)
    return table if pieces else _prepared(table)


def _prepared(table: FeatureTable) -> FeatureTable:
    names, features = prepare(table.names, table.features)
    return replace(table, names=names, features=features)


def artists_of(folder: Path | None, shared: Path) -> dict[str, str]:
    """Artist of each song, from GTZAN's index where it is there, and from the tags of the files."""
    artists = corpus.read_artists(shared) if (shared / "gtzan" / "tracks.csv").is_file() else {}
    for example in corpus.read_folder(folder, least_genres=1) if folder else ():
        if example.name not in artists and (artist := _tagged_artist(example.audio)):
            artists[example.name] = artist
    return artists


def _tagged_artist(path: Path) -> str:
    try:
        with path.open("rb") as file:
            _, artist = title_and_artist(file, sniff(file).format, path.name, ("", ""))
    except (OSError, SoriError):
        return ""
    return (artist or "").strip().casefold()


def handcrafted_table(examples: Sequence[Example], cache: Cache, *, windows: bool) -> FeatureTable:
    """Hand-crafted features: one row per song, or with `windows` one row for every three seconds of it."""

    def rows_of(example: Example) -> Floats:
        rows = handcrafted_rows(example.audio, cache)
        return rows[1:] if windows else rows[:1]

    return _table(examples, rows_of, extraction.NAMES)


def mel_table(examples: Sequence[Example], cache: Cache) -> FeatureTable:
    """One log-mel spectrogram (frames, bands) for every window of every song."""
    return _table(examples, lambda example: mel_windows(example.audio, cache), ())


def _table(examples: Sequence[Example], rows_of: Callable[[Example], Floats], names: tuple[str, ...]) -> FeatureTable:
    found = list(process_examples(examples, rows_of, "extracting features"))
    if not found:
        raise CorpusError(folder=str(examples[0].audio.parent.parent))
    counts = [len(rows) for _, rows in found]
    labels = np.repeat([example.label for example, _ in found], counts)
    songs = np.repeat([example.name for example, _ in found], counts)
    return FeatureTable(np.concatenate([rows for _, rows in found]), names, labels, songs, SAMPLE_RATE)


def handcrafted_rows(path: Path, cache: Cache) -> Floats:
    """(1 + windows, names): the row of the whole song, then one for every three seconds."""

    def compute() -> Floats:
        features = extraction.extract(mel.level(load(path).samples), SAMPLE_RATE)
        return np.concatenate([features.row()[None], features.windows(WINDOW_SECONDS)])

    return cache.get(f"handcrafted {extraction.VERSION}|mel {mel.VERSION}|{hash_file(path)}", compute)


def mel_windows(path: Path, cache: Cache) -> Floats:
    """(windows, frames, bands): `Track.recorded_mel` cut into windows."""

    def compute() -> Floats:
        return mel.windows(mel.log_mel(mel.level(load(path).samples)))

    return cache.get(f"mel|{mel.VERSION}|{hash_file(path)}", compute)
