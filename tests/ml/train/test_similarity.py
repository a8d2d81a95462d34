"""Pieces to learn from are cut and moved as said, and nobody is asked about who was learnt from."""

from __future__ import annotations

import numpy as np

from ml.features.chroma import BANDS, Chromagram
from ml.features.mel import MEL_BANDS
from ml.models.genre import TRUNK_OUTPUT_SIZE
from ml.similarity import timbre
from ml.train.data.corpus import Example
from ml.train.similarity.folds import FOLDS, Halves, Lessons, fold_of
from ml.train.similarity.halves import CROPS, Piece, crops
from ml.train.similarity.methods import Method
from ml.train.similarity.projection import Recipe


def a_piece(artist: str, seed: int, *, seconds: float = 30.0, part: str = "whole") -> Piece:
    random = np.random.default_rng(seed)
    tones = np.zeros((int(seconds * 7.8125), BANDS), np.float32)
    tones[:, 36] = np.arange(len(tones)) + 1
    trunk_output = random.standard_normal((int(seconds / 3), TRUNK_OUTPUT_SIZE), np.float32)
    mel = random.random((int(seconds * timbre.FRAMES_PER_SECOND), MEL_BANDS), np.float32)
    example = Example(f"{artist}.{seed}", "blues", artist, "gtzan", "train")
    return Piece(example, part, "as it is", Chromagram(tones, 0.0), trunk_output, mel, 120.0, tones[:, :12])


def test_pieces_lie_inside_and_are_moved_on_the_keyboard() -> None:
    whole = a_piece("somebody", 1)
    cut = list(crops(whole, 7))
    assert len(cut) == CROPS
    moved = 0
    for piece in cut:
        (note,) = np.flatnonzero(piece.chromagram.tones.any(axis=0))
        column = piece.chromagram.tones[:, note]
        assert np.all(np.diff(column) == 1) and 69 <= len(column) <= 118
        assert len(piece.mel) / timbre.FRAMES_PER_SECOND > 8.9 and 3 <= len(piece.trunk_output) <= 5
        assert abs(note - 36) <= 6
        moved += note != 36
    assert 0 < moved <= CROPS * 2 // 3
    assert [piece.change for piece in crops(whole, 7)] == [piece.change for piece in cut]


def test_a_note_that_leaves_the_keyboard_is_gone() -> None:
    whole = a_piece("somebody", 1)
    whole.chromagram.tones[:] = 1
    assert any(not piece.chromagram.tones[:, :1].any() for piece in crops(whole, 7))


def test_nobody_is_asked_about_who_was_learnt_from() -> None:
    artists = [f"artist {number // 2}" for number in range(40)]
    seconds = [a_piece(artist, number, part="second") for number, artist in enumerate(artists)]
    asked = {"as it is": [(number, one) for number, one in enumerate(seconds)]}
    halves = Halves(seconds, asked, list(enumerate(seconds)), seconds, artists)
    method = Method("mine", "sound", lambda heard: heard.mean_trunk_output[:20], Recipe(4, 10, 0.5))
    lessons = Lessons.of(method, halves)
    folds = fold_of(artists)
    assert set(folds.tolist()) == set(range(FOLDS))
    assert all(
        len({fold for fold, artist in zip(folds, artists, strict=True) if artist == one}) == 1
        for one in artists
    )
    before = lessons.without(0)(lessons.library)
    for number in np.flatnonzero(folds == 0):  # whatever they sound like
        lessons.pieces[lessons.recordings == number] += 100
    lessons._learnt.clear()
    np.testing.assert_array_equal(lessons.without(0)(lessons.library), before)
