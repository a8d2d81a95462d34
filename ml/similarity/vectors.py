"""The two vectors of a song, made from what a library keeps of it, and the versions that make them."""

from __future__ import annotations

import hashlib

from ml.features.arrays import Floats
from ml.features.chroma import Chromagram
from ml.features.musicality import Musicality
from ml.models.card import Card
from ml.similarity import harmony, projection, timbre

FEATURES_VERSION = 2
"""Raise it when the same trunk gives other features for the same file."""


def make_vectors(chromagram: bytes, trunk_output: bytes) -> tuple[bytes, bytes, str]:
    """The harmony and the sound vector of packed features, and the version of the projections that made them."""
    projections, version = projection.load()
    chords = projections["harmony"].apply(harmony.features(harmony.unpack(chromagram)))
    heard = timbre.unpack(trunk_output)
    sound = projections["sound"].apply(timbre.features(heard.trunk_output, heard.timbre))
    return chords.astype("<f4").tobytes(), sound.astype("<f4").tobytes(), version


def projection_version() -> str:
    return projection.load()[1]


def vectors_version_of(model_sha256: str) -> str:
    """Version of everything that follows from packed features: the vectors, and the prediction of the head."""
    return f"{projection_version()}+{model_sha256[:16]}"


def features_version_of(card: Card) -> str:
    """Version of the features that this model gives. Training the head alone does not change it."""
    hears = card.trunk_version or "".join(digest for _, digest in sorted(card.sha256.items()))
    return f"{hashlib.sha256(hears.encode()).hexdigest()[:16]}-{FEATURES_VERSION}"


def pack(
    chromagram: Chromagram, mel: Floats, trunk_output: Floats, musicality: Musicality
) -> tuple[bytes, bytes]:
    """What a library keeps of one song: the chromagram, and the trunk's mean output with the timbre beside it."""
    measured = timbre.measure(timbre.pool(mel))
    kept = timbre.SoundFeatures(trunk_output.mean(axis=0), measured, musicality)
    return harmony.pack(chromagram), timbre.pack(kept)
