"""The chromagram: pitch classes, independent of tuning, loudness and octave."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.features.chroma import FRAMES_PER_SECOND, chromagram
from ml.report.keys import TONICS
from tests.ml.tunes import cadence, noise, note, silence, tone


@pytest.mark.parametrize("octave", range(3, 6))
@pytest.mark.parametrize("pitch", range(12))
def test_a_note_is_in_its_pitch_class(pitch: int, octave: int) -> None:
    chroma = chromagram(note(12 * (octave + 1) + pitch, 2.0, timbre="organ"))
    assert TONICS[int(chroma.full.mean(axis=0).argmax())] == TONICS[pitch]


@pytest.mark.parametrize("cents", [-40, -20, 0, 20, 40])
def test_tuning_is_estimated_and_corrected(cents: int) -> None:
    chroma = chromagram(cadence(2, "major", cents=cents))
    assert chroma.tuning_cents == pytest.approx(cents, abs=6)
    straight = chromagram(cadence(2, "major")).full.mean(axis=0)
    assert np.corrcoef(chroma.full.mean(axis=0), straight)[0, 1] > 0.98


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_transposition_rotates_the_chroma(steps: int) -> None:
    low = chromagram(cadence(0, "minor")).treble.mean(axis=0)
    high = chromagram(cadence(steps, "minor")).treble.mean(axis=0)
    assert np.corrcoef(np.roll(low, steps), high)[0, 1] > 0.95


@settings(max_examples=20, deadline=None)
@given(st.floats(min_value=-30, max_value=12))
def test_loudness_does_not_change_the_chroma(decibels: float) -> None:
    song = cadence(7, "major", repeats=1)
    louder = (song * 10 ** (decibels / 20)).astype(np.float32)
    np.testing.assert_allclose(chromagram(louder).treble, chromagram(song).treble, atol=0.02)


@settings(max_examples=30, deadline=None)
@given(st.integers(min_value=0, max_value=40_000), st.integers(min_value=0, max_value=2**31))
def test_any_length_gives_finite_frames(length: int, seed: int) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    chroma = chromagram(samples)
    assert chroma.bass.shape == chroma.treble.shape == chroma.full.shape == (1 + length // 2048, 12)
    assert np.isfinite(chroma.full).all() and (chroma.bass >= 0).all() and (chroma.treble >= 0).all()
    assert -50 <= chroma.tuning_cents <= 50


def test_silence_is_silent() -> None:
    chroma = chromagram(silence(2))
    assert chroma.silent and not chroma.full.any()
    assert not chromagram(tone(440, 1)).silent


def test_silent_frames_are_zero_beside_sound() -> None:
    chroma = chromagram(np.concatenate([silence(3), tone(440, 3, timbre="organ")]))
    assert not chroma.full[: int(2.5 * FRAMES_PER_SECOND)].any()
    assert chroma.full[int(4 * FRAMES_PER_SECOND)].argmax() == TONICS.index("A")


def test_noise_and_clipping_give_finite_chroma() -> None:
    for samples in (noise(2), np.sign(noise(2)), np.ones(16_000, np.float32), noise(2, level=1e-9)):
        assert np.isfinite(chromagram(samples.astype(np.float32)).full).all()


def test_import_does_not_load_librosa() -> None:
    modules = "ml.features.chroma, ml.models.key, ml.models.tempo, ml.evaluate.baselines"
    code = f"import sys, {modules}; sys.exit('librosa' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
