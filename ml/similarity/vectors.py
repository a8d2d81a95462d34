"""Packed features of a song, the two vectors computed from them, and their versions."""

from __future__ import annotations

import hashlib

from ml.features.arrays import Floats
from ml.features.chroma import Chromagram
from ml.features.musicality import Musicality
from ml.models.card import Card
from ml.similarity import harmony, invariants, projection, timbre

FEATURES_VERSION = 2
"""Raise it when the same trunk gives other features for the same file."""


def pack(chromagram: Chromagram, mel: Floats, trunk_output: Floats, musicality: Musicality) -> tuple[bytes, bytes]:
    """The packed features that a library stores: the chromagram, and `timbre.SoundFeatures`."""
    measured = timbre.measure(invariants.pool(mel))
    sound = timbre.SoundFeatures(trunk_output.mean(axis=0), measured, musicality)
    return harmony.pack(chromagram), timbre.pack(sound)


def make_vectors(chromagram: bytes, trunk_output: bytes) -> tuple[bytes, bytes]:
    """Harmony vector and sound vector of packed features."""
    projections, _ = projection.load()
    harmony_vector = projections["harmony"].apply(harmony.features(harmony.unpack(chromagram)))
    sound = timbre.unpack(trunk_output)
    sound_vector = projections["sound"].apply(timbre.features(sound.trunk_output, sound.timbre))
    return harmony_vector.astype("<f4").tobytes(), sound_vector.astype("<f4").tobytes()


def projection_version() -> str:
    return projection.load()[1]


def vectors_version_of(model_sha256: str) -> str:
    """Version of everything computed from packed features: the vectors, and the classification by the head."""
    return f"{projection_version()}+{model_sha256[:16]}"


def features_version_of(card: Card) -> str:
    """Version of the packed features that a model gives. Training its head alone does not change it."""
    source = card.trunk_version or "".join(sha256 for _, sha256 in sorted(card.sha256.items()))
    return f"{hashlib.sha256(source.encode()).hexdigest()[:16]}-{FEATURES_VERSION}"
