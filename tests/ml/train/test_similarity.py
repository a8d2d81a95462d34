"""Excerpts are cut and transposed within their limits; projections of a fold are fitted without its artists."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.features.chroma import BANDS, Chromagram
from ml.features.mel import MEL_BANDS
from ml.models.card import load_card
from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.similarity import projection, timbre
from ml.train.data.corpus import Example
from ml.train.data.folds import FOLDS
from ml.train.similarity import __main__ as command
from ml.train.similarity.cross_validation import (
    TRANSPOSED,
    FoldProjections,
    SearchTask,
    folds_of_artists,
    search_figures,
)
from ml.train.similarity.methods import Method
from ml.train.similarity.projection import Recipe
from ml.train.similarity.recording_pieces import CHANGES, EXCERPTS, Piece, random_excerpts


def make_piece(artist: str, seed: int, *, seconds: float = 30.0, part: str = "whole") -> Piece:
    random = np.random.default_rng(seed)
    tones = np.zeros((int(seconds * 7.8125), BANDS), np.float32)
    tones[:, 36] = np.arange(len(tones)) + 1
    trunk_output = random.standard_normal((int(seconds / 3), TRUNK_OUTPUT_SIZE), np.float32)
    mel = random.random((int(seconds * timbre.FRAMES_PER_SECOND), MEL_BANDS), np.float32)
    example = Example(f"{artist}.{seed}", "blues", artist, "gtzan", "train")
    return Piece(example, part, "as it is", Chromagram(tones, 0.0), trunk_output, mel, 120.0, tones[:, :12])


def test_excerpts_lie_inside_the_clip_and_are_transposed() -> None:
    whole = make_piece("somebody", 1)
    excerpts = list(random_excerpts(whole, 7))
    assert len(excerpts) == EXCERPTS
    transposed = 0
    for piece in excerpts:
        (note,) = np.flatnonzero(piece.chromagram.tones.any(axis=0))
        column = piece.chromagram.tones[:, note]
        assert np.all(np.diff(column) == 1) and 69 <= len(column) <= 118
        assert len(piece.mel) / timbre.FRAMES_PER_SECOND > 8.9 and 3 <= len(piece.trunk_output) <= 5
        assert abs(note - 36) <= 6
        transposed += note != 36
    assert 0 < transposed <= EXCERPTS * 2 // 3
    again = random_excerpts(whole, 7)
    assert [piece.change for piece in again] == [piece.change for piece in excerpts]


def test_a_note_beyond_the_keyboard_is_lost() -> None:
    whole = make_piece("somebody", 1)
    whole.chromagram.tones[:] = 1
    assert any(not piece.chromagram.tones[:, :1].any() for piece in random_excerpts(whole, 7))


def test_projections_of_a_fold_do_not_depend_on_its_artists() -> None:
    artists = [f"artist {number // 2}" for number in range(40)]
    seconds = [make_piece(artist, number, part="second") for number, artist in enumerate(artists)]
    queries = {"as it is": list(enumerate(seconds))}
    task = SearchTask(seconds, queries, list(enumerate(seconds)), seconds, artists)
    method = Method("mine", "sound", lambda piece: piece.mean_trunk_output[:20], Recipe(4, 10, 0.5))
    projections = FoldProjections.of(method, task)
    folds = folds_of_artists(artists, artists)
    assert set(folds.tolist()) == set(range(FOLDS))
    assert all(
        len({fold for fold, artist in zip(folds, artists, strict=True) if artist == one}) == 1 for one in artists
    )
    before = projections.without(0)(projections.library)
    for number in np.flatnonzero(folds == 0):
        projections.pieces[projections.recordings == number] += 100
    projections._fitted.clear()
    np.testing.assert_array_equal(projections.without(0)(projections.library), before)


def test_pieces_are_sorted_by_their_use_and_the_right_half_is_found() -> None:
    """Every second half is found by itself, a short clip is in the library alone."""
    long = [make_piece(f"artist {number}", number) for number in range(12)]
    pieces = [replace(piece, part=part) for piece in long for part in ("whole", "second", "first")]
    pieces.append(replace(long[3], part="first", change="transposed +2"))
    pieces.append(make_piece("artist 3", 99, seconds=3.0))
    task = SearchTask.of(pieces)
    assert len(task.artists) == 12 and len(task.library) == 13 and len(task.excerpts) == 12 * EXCERPTS
    assert [number for number, _ in task.queries["as it is"]] == list(range(12))
    assert [number for number, _ in task.queries[TRANSPOSED]] == [3]
    method = Method("mine", "sound", lambda piece: piece.mean_trunk_output[:20], Recipe(4, 10, 0.5))
    task = replace(task, queries={query: task.queries[query] for query in ("as it is", TRANSPOSED)})
    figures = search_figures(FoldProjections.of(method, task))
    assert figures["as it is"] == {"top1": 1.0, "top3": 1.0, "questions": 12}
    assert figures[TRANSPOSED]["questions"] == 1


def test_the_command_writes_projections_that_the_product_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = [make_piece(f"artist {number}", number) for number in range(10)]
    parts = [("whole", "as it is"), ("second", "as it is"), *(("first", change) for change in CHANGES)]
    pieces = [replace(piece, part=part, change=change) for piece in long for part, change in parts]
    monkeypatch.setattr(command, "load", contextlib.nullcontext)
    monkeypatch.setattr(command, "read_pieces", lambda *arguments: iter(pieces))
    output = tmp_path / "neighbours.npz"
    assert command.main(["--output", str(output)]) == 0
    card = load_card(output)
    assert card.labels == ("harmony", "sound") and card.data["clips"] == 10
    assert card.metrics["other_half"]["sound"]["as it is"]["top1"] == 1.0
    projections, version = projection.load(output)
    assert set(projections) == {"harmony", "sound"} and version == card.sha256[output.name][:16]
