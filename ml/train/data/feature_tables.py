"""Feature tables: rows of numbers with a label each, read from our files (.npz) or from those published for GTZAN.

An .npz holds plain arrays (`X`, `y`, `names`, `songs`, `rate`), so `numpy.load` and scikit-learn read it directly.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Floats, Names
from ml.report.errors import SoriError
from ml.train.data.corpus import read_rows
from ml.train.files import write_file

NO_FEATURES = {"filename", "length", "label", "Track ID", "File", "GenreID", "Genre", "Type"}
_GTZAN_NAME = re.compile(r"[a-z]+\.\d{5}")


class FeatureFileError(SoriError):
    code = "features"
    sentence = "{file} is no feature file. python -m ml.train.extract makes one from a folder of songs."


@dataclass(frozen=True)
class FeatureTable:
    """`features` (rows, names), or (rows, frames, bands) for mel windows, which have no names.

    Several rows of one song are pieces of it. `rate` is 0 for published tables: a model that is trained on these can
    be measured, but it cannot analyse a file.
    """

    features: Floats
    names: tuple[str, ...]
    labels: Names
    songs: Names
    rate: int = 0

    def save(self, path: Path) -> None:
        names = np.array(self.names)
        write_file(
            path,
            lambda partial: np.savez_compressed(
                partial, X=self.features, y=self.labels, names=names, songs=self.songs, rate=self.rate
            ),
        )

    def where(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> FeatureTable:
        return FeatureTable(self.features[rows], self.names, self.labels[rows], self.songs[rows], self.rate)

    @property
    def is_gtzan(self) -> bool:
        return all(_GTZAN_NAME.fullmatch(song) for song in self.songs.tolist())


def read_tables(paths: Sequence[Path]) -> FeatureTable:
    """One feature file, or several about the same songs joined by song; songs that one of them lacks are left out."""
    tables = [read_table(path) for path in paths]
    if len(tables) == 1:
        return tables[0]
    if any(len(set(table.songs)) < len(table.songs) for table in tables):
        raise FeatureFileError(file=", ".join(path.name for path in paths))
    shared = set.intersection(*(set(table.songs.tolist()) for table in tables))
    songs = np.array([song for song in tables[0].songs.tolist() if song in shared])
    rows = []
    for table in tables:
        order = np.argsort(table.songs)
        rows.append(order[np.searchsorted(table.songs, songs, sorter=order)])
    columns = [table.features[places] for table, places in zip(tables, rows, strict=True)]
    names = [f"{path.stem}:{name}" for path, table in zip(paths, tables, strict=True) for name in table.names]
    return FeatureTable(np.concatenate(columns, axis=1), tuple(names), tables[0].labels[rows[0]], songs)


def read_table(path: Path) -> FeatureTable:
    try:
        return _read_arrays(path) if path.suffix == ".npz" else _read_published(path)
    except (OSError, KeyError, ValueError, IndexError, csv.Error) as error:
        raise FeatureFileError(file=path.name) from error


def _read_arrays(path: Path) -> FeatureTable:
    with np.load(path, allow_pickle=False) as arrays:
        return FeatureTable(
            arrays["X"], tuple(arrays["names"].tolist()), arrays["y"], arrays["songs"], int(arrays["rate"])
        )


def _read_published(path: Path) -> FeatureTable:
    """The Kaggle table (.csv), or the one with chroma bins (.tsv) that writes `pop_00072.wav` for `pop.00072`."""
    rows = list(read_rows(path))
    names = tuple(name for name in rows[0] if name not in NO_FEATURES)
    song, label = ("File", "Genre") if "Genre" in rows[0] else ("filename", "label")
    return FeatureTable(
        np.array([[float(row[name]) for name in names] for row in rows], np.float32),
        names,
        np.array([row[label] for row in rows]),
        np.array([Path(row[song]).stem.replace("_", ".") for row in rows]),
    )
