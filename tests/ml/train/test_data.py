"""Splits and folds keep songs, artists and pieces together; `leaky` does not, on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.train.classic import datasets
from ml.train.data import folds, splits


def test_no_song_and_no_artist_is_on_both_sides(tmp_path: Path) -> None:
    songs = np.repeat([f"s{number}" for number in range(40)], 3)
    labels = np.repeat(np.tile(["a", "b"], 20), 3)
    artists = {f"s{number}": f"artist {number // 4}" for number in range(40)}
    for name in ("random", "artist"):
        found = splits.split(name, songs, labels, artists, shared=tmp_path)
        assert not set(songs[found.train]) & set(songs[found.test])
        assert found.test.any() and (found.train ^ found.test).all()
    assert not {artists[s] for s in songs[found.train]} & {artists[s] for s in songs[found.test]}
    leaky = splits.split("leaky", songs, labels, artists, shared=tmp_path)
    assert set(songs[leaky.train]) & set(songs[leaky.test])


def test_a_file_lists_the_training_and_test_songs(tmp_path: Path) -> None:
    songs, labels = np.array(["one, two", "b", "c"]), np.array(["x", "y", "x"])
    listing = tmp_path / "sides.csv"
    listing.write_text("one, two,train\nb,train\nc,test\n")
    found = splits.split(str(listing), songs, labels, {}, shared=tmp_path)
    assert found.train.tolist() == [True, True, False] and found.test.tolist() == [False, False, True]
    listing.write_text("b,perhaps\n")
    with pytest.raises(splits.SplitError):
        splits.split(str(listing), songs, labels, {}, shared=tmp_path)


@pytest.mark.data
def test_the_published_split_keeps_artists_apart(shared: Path) -> None:
    songs = datasets.read_features([shared / "gtzan" / "features_30_sec.csv"])
    artists = datasets.artists_of(None, shared)
    found = splits.split("filtered", songs.songs, songs.labels, artists, shared=shared)
    assert (found.train.sum(), found.test.sum(), found.valid.sum()) == (640, 290, 197)
    assert not (found.train & found.test).any()


def test_shuffled_folds_keep_artists_together() -> None:
    artists = [f"artist {number % 17}" for number in range(100)]
    parts = folds.folds_by_value(folds.shuffled_folds(artists, count=5, seed=3))
    assert sorted(np.concatenate([test for _, test in parts]).tolist()) == list(range(100))
    for train, test in parts:
        assert not {artists[row] for row in test} & {artists[row] for row in train}


def test_stratified_folds_keep_groups_together_and_labels_even() -> None:
    labels, groups = np.arange(60) % 2, np.array([f"artist {number // 6}" for number in range(60)])
    parts = folds.stratified_folds(labels, groups)
    assert len(parts) == 5
    for train, test in parts:
        assert not set(groups[train]) & set(groups[test])
        assert labels[test].mean() == 0.5


def test_a_label_with_few_groups_lowers_the_number_of_folds() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    assert len(folds.stratified_folds(labels, np.array(list("abcdee")))) == 0
    assert len(folds.stratified_folds(labels, np.array(list("abcdef")))) == 2


def test_every_row_is_predicted_out_of_fold() -> None:
    rows = np.arange(10)
    parts = folds.folds_by_value(rows % 3)
    predicted = folds.predict_out_of_fold(parts, lambda train, test: 10 * test + np.isin(test, train))
    assert predicted.tolist() == (10 * rows).tolist()
