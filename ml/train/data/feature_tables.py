"""Feature files: rows of named numbers with a label each, ours (.npz) or one of the two published for GTZAN.

An .npz holds plain arrays (`X`, `y`, `names`, `songs`, `rate`), so `numpy.load` and scikit-learn need nothing of ours.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.features.arrays import Floats, Mask, Names
from ml.report.errors import SoriError

NO_FEATURES = {"filename", "length", "label", "Track ID", "File", "GenreID", "Genre", "Type"}


class FeatureFileError(SoriError):
    code = "features"
    sentence = "{file} is no feature file. python -m ml.train.extract makes one from a folder of songs."


@dataclass(frozen=True)
class Table:
    """`features` (rows, names); several rows of one `song` are pieces of it. `rate` is 0 where others did the
    listening: from such numbers a model can be trained and measured, but it cannot hear a file."""

    features: Floats
    names: tuple[str, ...]
    labels: Names
    songs: Names
    rate: int = 0

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez_compressed(
            partial,
            X=self.features,
            y=self.labels,
            names=np.array(self.names),
            songs=self.songs,
            rate=self.rate,
        )
        partial.replace(path)

    def where(self, rows: Mask) -> Table:
        return Table(self.features[rows], self.names, self.labels[rows], self.songs[rows], self.rate)


def read_tables(paths: Sequence[Path]) -> Table:
    """One feature file, or several about the same songs, laid side by side for the songs that all of them have."""
    tables = [read_table(path) for path in paths]
    if len(tables) == 1:
        return tables[0]
    if any(len(set(table.songs)) < len(table.songs) for table in tables):
        raise FeatureFileError(file=", ".join(path.name for path in paths))
    places = [{song: row for row, song in enumerate(table.songs)} for table in tables]
    both = [song for song in tables[0].songs if all(song in place for place in places)]
    columns = [
        table.features[[place[song] for song in both]] for table, place in zip(tables, places, strict=True)
    ]
    names = tuple(
        f"{path.stem}:{name}" for path, table in zip(paths, tables, strict=True) for name in table.names
    )
    labels = tables[0].labels[[places[0][song] for song in both]]
    return Table(np.concatenate(columns, axis=1), names, labels, np.array(both))


def read_table(path: Path) -> Table:
    try:
        return _read_arrays(path) if path.suffix == ".npz" else _read_published(path)
    except (OSError, KeyError, ValueError, IndexError, csv.Error) as error:
        raise FeatureFileError(file=path.name) from error


def _read_arrays(path: Path) -> Table:
    with np.load(path, allow_pickle=False) as arrays:
        return Table(
            arrays["X"], tuple(arrays["names"].tolist()), arrays["y"], arrays["songs"], int(arrays["rate"])
        )


def _read_published(path: Path) -> Table:
    """The Kaggle table (.csv), or the one with chroma bins (.tsv) that writes `pop_00072.wav` for `pop.00072`."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
    names = tuple(name for name in rows[0] if name not in NO_FEATURES)
    song, label = ("File", "Genre") if "Genre" in rows[0] else ("filename", "label")
    return Table(
        np.array([[float(row[name]) for name in names] for row in rows], np.float32),
        names,
        np.array([row[label] for row in rows]),
        np.array([Path(row[song]).stem.replace("_", ".") for row in rows]),
    )
