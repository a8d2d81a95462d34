"""Second step of training the projections: features of a piece, as shipped and as compared in docs/neighbours.md."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Floats
from ml.features.chroma import FRAMES_PER_SECOND
from ml.models.trunk import TAGS
from ml.similarity import harmony, invariants, timbre
from ml.train.similarity.projection import Recipe
from ml.train.similarity.recording_pieces import BASELINE_FRAMES, Piece

PATCH_FRAMES = 16

HARMONY_RECIPE = Recipe(dimensions=112, components=400, shrinkage=0.5)
TRUNK_RECIPE = Recipe(dimensions=112, components=200, shrinkage=0.3)
SOUND_RECIPE = Recipe(dimensions=112, components=250, shrinkage=0.3)


@dataclass(frozen=True)
class Method:
    """Features of a piece, and the recipe of the projection that is fitted to them, None without one."""

    name: str
    kind: str
    extract: Callable[[Piece], Floats]
    recipe: Recipe | None = None
    weights: Callable[[], Floats] | None = None
    _extracted: dict[int, Floats] = field(default_factory=dict, repr=False)

    def features(self, piece: Piece) -> Floats:
        """Extracted once, as every fold needs them. `piece` must live as long as the method is used."""
        if id(piece) not in self._extracted:
            self._extracted[id(piece)] = self.extract(piece)
        return self._extracted[id(piece)]


def chords(piece: Piece) -> harmony.Chords:
    return harmony.unpack(harmony.pack(piece.chromagram))


def flattened_frames(piece: Piece) -> Floats:
    """The common baseline: librosa's chroma frames from the beginning, in one long row."""
    rows = piece.frames[np.arange(BASELINE_FRAMES) % len(piece.frames)]
    return _unit(rows.ravel())


def fourier_frames(piece: Piece) -> Floats:
    return _unit(np.sqrt(invariants.patches(chords(piece).both, PATCH_FRAMES)))


def fourier_beats(piece: Piece) -> Floats:
    """Patches of half beats, at the estimated tempo folded into one octave."""
    bpm = piece.bpm or 100.0
    bpm *= 2.0 ** -np.floor(np.log2(bpm / 70.0))
    frames = piece.chromagram.full.astype(np.float64)
    step = FRAMES_PER_SECOND * 60 / bpm / 2
    edges = (np.arange(max(1, int(len(frames) / step)) + 1) * step).astype(int)
    beats = np.stack([frames[a : max(b, a + 1)].mean(axis=0) for a, b in itertools.pairwise(edges)])
    return _unit(np.sqrt(invariants.patches(beats, PATCH_FRAMES)))


def sound_features(piece: Piece) -> Floats:
    return timbre.features(piece.mean_trunk_output, timbre.measure(piece.mel))


HARMONY = Method(
    "harmony, as shipped", "harmony", lambda piece: harmony.features(chords(piece)), HARMONY_RECIPE, harmony.weights
)
SOUND = Method("sound, as shipped", "sound", sound_features, SOUND_RECIPE)
SHIPPED = (HARMONY, SOUND)
METHODS = (
    Method("flattened frames (the common way)", "baseline", flattened_frames),
    Method("mean chroma, best rotation", "rotation", lambda piece: _unit(piece.chromagram.full.mean(axis=0))),
    Method("2-D Fourier magnitude of frames", "harmony", fourier_frames),
    Method("2-D Fourier magnitude of half beats", "harmony", fourier_beats),
    HARMONY,
    Method("sound: embedding alone", "sound", lambda piece: _unit(piece.mean_trunk_output[2 * len(TAGS) :])),
    # The logits of the tags and the embedding, which the first version used.
    Method("sound: trunk output alone", "trunk", lambda piece: piece.mean_trunk_output[len(TAGS) :], TRUNK_RECIPE),
    Method("sound: timbre alone", "timbre", lambda piece: timbre.measure(piece.mel), SOUND_RECIPE),
    SOUND,
)


def _unit(row: npt.NDArray[Any]) -> Floats:
    return np.asarray(row / (np.linalg.norm(row) + 1e-9), np.float32)
