"""Rows that a classic model is trained and tested on: features or mel windows, each with its song and label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ml.audio.sniff import sniff
from ml.audio.tags import title_and_artist
from ml.models.classic.kinds import NETWORK_KINDS
from ml.models.classic.scikit import prepare
from ml.report.errors import SoriError
from ml.train.data import corpus
from ml.train.data.feature_tables import FeatureTable, read_tables
from ml.train.data.labelled_features import handcrafted_table, mel_table
from ml.train.files import Cache


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
