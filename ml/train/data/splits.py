"""Which songs teach and which examine. A song's pieces always stand on one side, and an artist's songs where known.

`leaky` breaks that rule on purpose: it splits pieces of songs at random, as many published figures did, to show what
such figures are worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import ShuffleSplit, StratifiedGroupKFold, StratifiedShuffleSplit

from ml.features.arrays import Mask, Names
from ml.report.errors import SoriError

NAMED = ("filtered", "random", "artist", "leaky")
TEST_SHARE = 0.25
LEAKY_TEST_SHARE = 0.1
SIDES = {"train": "learn", "valid": "learn", "learn": "learn", "test": "test"}


class SplitError(SoriError):
    code = "split"
    sentence = "These songs cannot be split that way ({split}): {reason}."


@dataclass(frozen=True)
class Split:
    """Rows that teach, rows that examine, and what must stay together when the learning rows are divided again."""

    learn: Mask
    test: Mask
    groups: Names
    valid: Mask
    """Learning rows that a published split sets apart to choose by; none elsewhere."""


def split(
    how: str,
    songs: Names,
    labels: Names,
    artists: Mapping[str, str],
    *,
    shared: Path,
    seed: int = 0,
) -> Split:
    """Divide rows, by one of NAMED or by a file of lines `song,train` and `song,test`."""
    groups = np.array([artists.get(song, song) for song in songs.tolist()])
    if how == "leaky":
        return _leaky(songs, seed)
    if how in ("random", "artist"):
        by = songs if how == "random" else groups
        test = _by_song(songs, labels, seed) if how == "random" else by_group(by, labels, seed)
        return Split(~test, test, by, np.zeros(len(songs), bool))
    sides = _published(shared) if how == "filtered" else _listed(Path(how))
    of = np.array([sides.get(song, "") for song in songs.tolist()])
    learn, test = np.isin(of, [side for side, what in SIDES.items() if what == "learn"]), of == "test"
    if not learn.any():
        raise SplitError(split=how, reason="none of them is on its list")
    return Split(learn, test, groups, of == "valid")


def _leaky(songs: Names, seed: int) -> Split:
    _, places = next(ShuffleSplit(1, test_size=LEAKY_TEST_SHARE, random_state=seed).split(songs))
    test = np.isin(np.arange(len(songs)), places)
    return Split(~test, test, np.arange(len(songs)).astype(str), np.zeros(len(songs), bool))


def _by_song(songs: Names, labels: Names, seed: int) -> Mask:
    names, first = np.unique(songs, return_index=True)
    drawn = StratifiedShuffleSplit(1, test_size=TEST_SHARE, random_state=seed)
    try:
        _, places = next(drawn.split(names, labels[first]))
    except ValueError as error:
        raise SplitError(split="random", reason="a genre has too few songs") from error
    return np.isin(songs, names[places])


def by_group(groups: Names, labels: Names, seed: int) -> Mask:
    """A quarter of the rows, or a half where a genre has few groups, no group on both sides."""
    least = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
    if least < 2:
        raise SplitError(split="artist", reason="each genre needs two artists, or two songs by nobody known")
    folds = StratifiedGroupKFold(min(round(1 / TEST_SHARE), least), shuffle=True, random_state=seed)
    _, places = next(folds.split(groups, labels, groups))
    return np.isin(np.arange(len(groups)), places)


def _published(shared: Path) -> dict[str, str]:
    """The fault-filtered split of GTZAN (Kereliuk, Sturm & Larsen 2015)."""
    sides = {}
    for side in ("train", "valid", "test"):
        path = shared / "gtzan" / "splits" / f"{side}_filtered.txt"
        if not path.is_file():
            raise SplitError(split="filtered", reason="it is GTZAN's, and its lists are not there")
        sides.update({Path(line).stem: side for line in path.read_text(encoding="utf-8").split()})
    return sides


def _listed(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SplitError(split=str(path), reason="there is no such list") from error
    rows: Sequence[tuple[str, str, str]] = [line.rpartition(",") for line in lines if line.strip()]
    wrong = [side for _, _, side in rows if side.strip() not in SIDES]
    if wrong:
        raise SplitError(split=path.name, reason="its lines must be song,train or song,test")
    return {song.strip(): side.strip() for song, _, side in rows}
