"""Tempi for texts that have none: each text gets the annotated tempo of another song of its genre.

Such pairs are made, not measured. They can show what a tempo of the genre would add to its words, not what the tempo of
the very song adds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ml.train.data.corpus import read_rows
from ml.train.lyrics.splits import SHARES
from ml.train.lyrics.table import TextSong


def read_tempi(shared: Path, seed: int) -> dict[str, dict[str, list[float]]]:
    """Annotated tempi of GTZAN by genre and split: no song's tempo is in two splits."""
    by_genre: dict[str, list[float]] = defaultdict(list)
    for row in read_rows(shared / "gtzan" / "tempo.csv"):
        by_genre[row["id"].split(".")[0]].append(float(row["bpm"]))
    random = np.random.default_rng(seed)
    divided: dict[str, dict[str, list[float]]] = {}
    for genre in sorted(by_genre):
        tempi = random.permutation(by_genre[genre])
        ends = np.round(np.cumsum(list(SHARES.values())) * len(tempi)).astype(int)[:-1]
        parts = np.split(tempi, ends)
        divided[genre] = {name: part.tolist() for name, part in zip(SHARES, parts, strict=True)}
    return divided


def add_tempi(
    songs: Sequence[TextSong], tempi: dict[str, dict[str, list[float]]], split: str, seed: int
) -> list[TextSong]:
    """The songs with a tempo drawn from those of their genre and split; without one where the genre has none."""
    random = np.random.default_rng([seed, list(SHARES).index(split)])

    def draw(song: TextSong) -> float | None:
        found = tempi.get(song.genre, {}).get(split)
        return float(random.choice(found)) if found else None

    return [replace(song, bpm=draw(song)) for song in songs]
