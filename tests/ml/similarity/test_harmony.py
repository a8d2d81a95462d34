"""Harmony and timbre features: invariance, packing, and projections."""

from __future__ import annotations

import numpy as np
import pytest

from ml.features.arrays import Floats
from ml.features.chroma import BANDS, Chromagram, fold
from ml.features.mel import MEL_BANDS
from ml.features.musicality import Musicality
from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.similarity import harmony, invariants, projection, timbre
from ml.similarity.projection import Projection
from ml.train.similarity.projection import Recipe, fit


def a_song(*chords: tuple[int, ...], repeats: int = 8, frames: int = 8) -> Chromagram:
    """A chord progression, one second per chord, with roots in the bass."""
    bass = np.full((len(chords) * frames, 12), 0.02, np.float32)
    treble = bass.copy()
    for number, chord in enumerate(chords):
        bass[number * frames : (number + 1) * frames, chord[0]] = 1
        treble[number * frames : (number + 1) * frames, list(chord)] = 1
    return Chromagram.of_chords(np.tile(bass, (repeats, 1)), np.tile(treble, (repeats, 1)))


def transposed(song: Chromagram, semitones: int) -> Chromagram:
    return Chromagram.of_chords(np.roll(song.bass, semitones, 1), np.roll(song.treble, semitones, 1))


def later(song: Chromagram, frames: int) -> Chromagram:
    return Chromagram(np.roll(song.tones, -frames, 0), 0.0)


def vector(song: Chromagram) -> Floats:
    return projection.load()[0]["harmony"].apply(harmony.features(harmony.unpack(harmony.pack(song))))


AXIS = a_song((0, 4, 7), (7, 11, 2), (9, 0, 4), (5, 9, 0))
BLUES = a_song((0, 4, 7, 10), (0, 4, 7, 10), (5, 9, 0, 3), (7, 11, 2, 5))


@pytest.mark.parametrize("semitones", range(12))
def test_transposition_does_not_change_the_vector(semitones: int) -> None:
    np.testing.assert_allclose(vector(transposed(AXIS, semitones)), vector(AXIS), atol=1e-4)


def test_a_time_shift_changes_the_vector_little() -> None:
    apart = np.linalg.norm(vector(later(AXIS, 13)) - vector(AXIS))
    assert apart < 0.75 * np.linalg.norm(vector(BLUES) - vector(AXIS))


def test_a_vector_has_length_one() -> None:
    assert np.linalg.norm(vector(BLUES)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 3, 40])
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_short_and_silent_songs_have_a_finite_vector(frames: int, strength: float) -> None:
    flat = np.full((frames, 12), strength, np.float32)
    assert np.isfinite(vector(Chromagram.of_chords(flat, flat))).all()


def test_a_packed_chromagram_is_small_and_accurate() -> None:
    random = np.random.default_rng(0)
    song = Chromagram(np.maximum(random.standard_normal((1875, BANDS), np.float32), 0), 0.0)
    packed = harmony.pack(song)
    assert len(packed) < 42_000  # four minutes of noise, which compresses worst
    chords = harmony.unpack(packed)
    assert np.corrcoef(chords.registers[:, 0].ravel(), fold(song.tones[:, :24]).ravel())[0, 1] > 0.99
    assert np.corrcoef(chords.registers[:, 1].ravel(), song.tones[:, 24:36].ravel())[0, 1] > 0.99


def test_every_kind_of_feature_has_the_same_weight() -> None:
    weights = harmony.weights()
    assert weights.shape == harmony.features(harmony.unpack(harmony.pack(AXIS))).shape
    kinds = np.unique(weights, return_counts=True)
    shares = kinds[1] * kinds[0].astype(float) ** 2
    np.testing.assert_allclose(shares, np.round(shares), rtol=1e-3)


def test_mean_chroma_adds_up_to_one() -> None:
    mean = harmony.mean_chroma(harmony.unpack(harmony.pack(AXIS)))
    assert mean.sum() == pytest.approx(1)
    assert mean.argmax() == 0


def test_sound_features_survive_packing() -> None:
    random = np.random.default_rng(0)
    trunk_output = random.standard_normal(TRUNK_OUTPUT_SIZE).astype(np.float32)
    measured = timbre.measure(invariants.pool(random.random((700, MEL_BANDS), np.float32)))
    music = Musicality(0.125, 2.0, 0.75)
    unpacked = timbre.unpack(timbre.pack(timbre.SoundFeatures(trunk_output, measured, music)))
    np.testing.assert_array_equal(unpacked.trunk_output, trunk_output)
    np.testing.assert_allclose(unpacked.timbre, measured, rtol=1e-3, atol=1e-4)
    assert unpacked.musicality == music
    with pytest.raises(ValueError, match="28 bytes"):
        timbre.unpack(b"1234" * 7)


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 600])
def test_a_very_short_sound_has_a_finite_timbre(frames: int) -> None:
    silence = invariants.pool(np.zeros((frames, MEL_BANDS), np.float32))
    measured = timbre.measure(silence)
    assert measured.shape == (timbre.TIMBRE_SIZE,) and np.isfinite(measured).all()


def test_timbre_shows_the_modulation_rate() -> None:
    seconds = np.arange(1000)[:, None] / timbre.FRAMES_PER_SECOND
    slow, fast = (1 + np.sin(2 * np.pi * hz * seconds) * np.ones((1, MEL_BANDS)) for hz in (2, 8))
    rates = [timbre.measure(mel.astype(np.float32))[-132:].reshape(11, 12) for mel in (slow, fast)]
    assert [int(rate[:, 0].argmax()) for rate in rates] == [3, 8]


def test_a_projection_weights_what_recordings_have_in_common() -> None:
    """Ten recordings that differ in one feature; the others are noise, also within a recording."""
    random = np.random.default_rng(3)
    recordings = np.repeat(np.arange(10), 20)
    features = 5 * random.standard_normal((200, 6)).astype(np.float32)
    features[:, 4] = np.eye(10)[recordings] @ np.arange(10) + 0.1 * random.standard_normal(200)
    learnt = fit(features, recordings, Recipe(dimensions=1, components=6, shrinkage=0.01))
    assert isinstance(learnt, Projection) and learnt.dimensions == 1
    weight = np.abs(learnt.matrix[:, 0])
    assert weight.argmax() == 4 and weight[4] > 5 * np.delete(weight, 4).max()
