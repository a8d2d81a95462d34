"""Divide rows into training and test rows. All pieces of a song are on one side, and all songs of a known artist.

`leaky` breaks that rule on purpose: it splits pieces of songs at random, as many published figures did, to measure how
much such figures are too high.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from ml.features.arrays import Mask, Names
from ml.report.errors import SoriError
from ml.train.data.corpus import read_split
from ml.train.data.folds import stratified_folds

NAMED = ("filtered", "random", "artist", "leaky")
TEST_SHARE = 0.25
LEAKY_TEST_SHARE = 0.1
SIDES = ("train", "valid", "learn", "test")


class SplitError(SoriError):
    code = "split"
    sentence = "These songs cannot be split that way ({split}): {reason}."


@dataclass(frozen=True)
class Split:
    train: Mask
    test: Mask
    groups: Names
    """What must stay together when the training rows are divided again."""
    valid: Mask
    """Training rows that a published split reserves for choosing settings; none elsewhere."""


def split(name: str, songs: Names, labels: Names, artists: Mapping[str, str], *, shared: Path, seed: int = 0) -> Split:
    """Divide rows, by one of NAMED or by a file of lines `song,train` and `song,test`."""
    groups, none = np.array([artists.get(song, song) for song in songs.tolist()]), np.zeros(len(songs), bool)
    if name == "leaky":
        _, rows = next(ShuffleSplit(1, test_size=LEAKY_TEST_SHARE, random_state=seed).split(songs))
        test = np.isin(np.arange(len(songs)), rows)
        return Split(~test, test, np.arange(len(songs)).astype(str), none)
    if name == "random":
        test = _by_song(songs, labels, seed)
        return Split(~test, test, songs, none)
    if name == "artist":
        test = by_group(groups, labels, seed)
        return Split(~test, test, groups, none)
    sides = _published(shared) if name == "filtered" else _listed(Path(name))
    side = np.array([sides.get(song, "") for song in songs.tolist()])
    if not np.isin(side, ("train", "valid", "learn")).any():
        raise SplitError(split=name, reason="none of them is on its list")
    return Split(np.isin(side, ("train", "valid", "learn")), side == "test", groups, side == "valid")


def _by_song(songs: Names, labels: Names, seed: int) -> Mask:
    names, first = np.unique(songs, return_index=True)
    shuffled = StratifiedShuffleSplit(1, test_size=TEST_SHARE, random_state=seed)
    try:
        _, rows = next(shuffled.split(names, labels[first]))
    except ValueError as error:
        raise SplitError(split="random", reason="a genre has too few songs") from error
    return np.isin(songs, names[rows])


def by_group(groups: Names, labels: Names, seed: int) -> Mask:
    """A quarter of the rows, or a half where a genre has few groups, no group on both sides."""
    folds = stratified_folds(labels, groups, count=round(1 / TEST_SHARE), seed=seed)
    if not folds:
        raise SplitError(split="artist", reason="each genre needs two artists, or two songs by unknown artists")
    return np.isin(np.arange(len(groups)), folds[0][1])


def _published(shared: Path) -> dict[str, str]:
    try:
        return {song: side for side in ("train", "valid", "test") for song in read_split(shared, side)}
    except OSError as error:
        raise SplitError(split="filtered", reason="it is GTZAN's, and its lists are not there") from error


def _listed(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SplitError(split=str(path), reason="there is no such list") from error
    rows = [line.rpartition(",") for line in lines if line.strip()]
    if any(side.strip() not in SIDES for _, _, side in rows):
        raise SplitError(split=path.name, reason="its lines must be song,train or song,test")
    return {song.strip(): side.strip() for song, _, side in rows}
