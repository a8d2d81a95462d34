"""The descriptions of a song that `ml.evaluate.similarity` compares: the common one, those tried, those that ship."""

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
from ml.train.similarity.halves import BASELINE_FRAMES, Piece
from ml.train.similarity.projection import Recipe

PATCH_FRAMES = 16

RECIPES = {
    "harmony": Recipe(dimensions=112, components=400, shrinkage=0.5),
    "evidence": Recipe(dimensions=112, components=200, shrinkage=0.3),
    "sound": Recipe(dimensions=112, components=250, shrinkage=0.3),
}


@dataclass(frozen=True)
class Method:
    """A way to describe: `recipe` is what is learnt on top, None where nothing is."""

    name: str
    kind: str
    describe: Callable[[Piece], Floats]
    recipe: Recipe | None = None
    weights: Callable[[], Floats] | None = None
    _known: dict[int, Floats] = field(default_factory=dict, repr=False)

    def features(self, heard: Piece) -> Floats:
        """Described once: every fold asks again. `heard` must live as long as the method is used."""
        if id(heard) not in self._known:
            self._known[id(heard)] = self.describe(heard)
        return self._known[id(heard)]


def chords_of(heard: Piece) -> harmony.Chords:
    return harmony.unpack(harmony.pack(heard.chromagram))


def flattened_frames(heard: Piece) -> Floats:
    """What common projects do: librosa's chroma frames from the beginning, in one long row."""
    rows = heard.frames[np.arange(BASELINE_FRAMES) % len(heard.frames)]
    return _unit(rows.ravel())


def mean_chroma(heard: Piece) -> Floats:
    return _unit(heard.chromagram.full.mean(axis=0))


def fourier_frames(heard: Piece) -> Floats:
    return _unit(np.sqrt(invariants.patches(chords_of(heard).both, PATCH_FRAMES)))


def fourier_beats(heard: Piece) -> Floats:
    """Patches of half beats, at the estimated tempo folded into one octave."""
    bpm = heard.bpm or 100.0
    bpm *= 2.0 ** -np.floor(np.log2(bpm / 70.0))
    frames = heard.chromagram.full.astype(np.float64)
    step = FRAMES_PER_SECOND * 60 / bpm / 2
    edges = (np.arange(max(1, int(len(frames) / step)) + 1) * step).astype(int)
    beats = np.stack([frames[a : max(b, a + 1)].mean(axis=0) for a, b in itertools.pairwise(edges)])
    return _unit(np.sqrt(invariants.patches(beats, PATCH_FRAMES)))


def harmony_features(heard: Piece) -> Floats:
    return harmony.features(chords_of(heard))


def sound_features(heard: Piece) -> Floats:
    return timbre.features(heard.mean_trunk_output, timbre.measure(heard.mel))


def trunk_features(heard: Piece) -> Floats:
    """What was shipped first: the logits of the tags and the embedding."""
    return heard.mean_trunk_output[len(TAGS) :]


def timbre_features(heard: Piece) -> Floats:
    return timbre.measure(heard.mel)


METHODS = (
    Method("flattened frames (the common way)", "baseline", flattened_frames),
    Method("mean chroma, best rotation", "rotation", mean_chroma),
    Method("2-D Fourier magnitude of frames", "harmony", fourier_frames),
    Method("2-D Fourier magnitude of half beats", "harmony", fourier_beats),
    Method("harmony, as shipped", "harmony", harmony_features, RECIPES["harmony"], harmony.weights),
    Method("sound: embedding, bare", "sound", lambda heard: _unit(heard.mean_trunk_output[2 * len(TAGS) :])),
    Method("sound: evidence alone", "evidence", trunk_features, RECIPES["evidence"]),
    Method("sound: timbre alone", "timbre", timbre_features, RECIPES["sound"]),
    Method("sound, as shipped", "sound", sound_features, RECIPES["sound"]),
)


def _unit(row: npt.NDArray[Any]) -> Floats:
    return np.asarray(row / (np.linalg.norm(row) + 1e-9), np.float32)
