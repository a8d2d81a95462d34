"""The key: right for cadences in every key, with low confidence for noise."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluate.baselines import krumhansl_key
from ml.features.chroma import chromagram
from ml.models import key
from ml.report.keys import MODES, TONICS
from ml.report.schema import Key
from ml.train.rhythm.tasks import key_score
from tests.ml.tunes import cadence, clicks, noise, silence, tone


def estimate(samples: np.ndarray) -> Key:
    answer = key.estimate(chromagram(samples.astype(np.float32)))
    assert answer is not None
    return answer


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("timbre", ["organ", "strings", "clarinet"])
def test_a_cadence_is_in_its_key(tonic: int, mode: str, timbre: str) -> None:
    answer = estimate(cadence(tonic, mode, timbre=timbre))
    assert (answer.tonic, answer.mode) == (TONICS[tonic], mode)


@pytest.mark.parametrize("cents", [-40, -25, 25, 40])
@pytest.mark.parametrize(("tonic", "mode"), [(0, "major"), (9, "minor"), (6, "major"), (1, "minor")])
def test_a_detuned_cadence_keeps_its_key(tonic: int, mode: str, cents: int) -> None:
    answer = estimate(cadence(tonic, mode, cents=cents))
    assert (answer.tonic, answer.mode) == (TONICS[tonic], mode)


def test_the_key_survives_changes_to_a_recording() -> None:
    song = cadence(3, "major")
    for changed in (
        song / 2,
        song * 2,
        np.concatenate([silence(4), song, silence(4)]),
        song + noise(len(song) / 16_000, level=0.01),
        np.round(song * 127) / 127,
    ):
        answer = estimate(changed)
        assert (answer.tonic, answer.mode) == ("D#", "major")


def test_confidence_is_low_without_tones() -> None:
    assert estimate(cadence(5, "major")).confidence > 0.6
    for nothing in (noise(20), noise(60, seed=1), clicks(100, 20)):
        assert estimate(nothing).confidence < 0.5
    assert estimate(noise(240)).confidence < 0.35


def test_silence_has_no_key() -> None:
    assert key.estimate(chromagram(silence(5))) is None
    assert key.estimate(chromagram(silence(0))) is None


@pytest.mark.parametrize("samples", [tone(440, 3), tone(40, 3), np.ones(50_000), tone(7000, 3), np.ones(1)])
def test_odd_input_gives_a_valid_key(samples: np.ndarray) -> None:
    answer = estimate(samples)
    assert answer.tonic in TONICS and answer.mode in MODES and 0 <= answer.confidence <= 1


def test_rotating_the_profile_rotates_the_scores() -> None:
    profile = np.random.default_rng(0).standard_normal((key.PROFILES, 12))
    weights = np.random.default_rng(1).standard_normal(key.FEATURES)
    scores = (key.features(profile) @ weights).reshape(2, 12)
    rotated = (key.features(np.roll(profile, 5, axis=1)) @ weights).reshape(2, 12)
    np.testing.assert_allclose(np.roll(scores, 5, axis=1), rotated)


@pytest.mark.parametrize(
    ("estimated", "score"),
    [
        (("C", "major"), 1.0),
        (("G", "major"), 0.5),
        (("F", "major"), 0.0),
        (("A", "minor"), 0.3),
        (("C", "minor"), 0.2),
        (("D#", "minor"), 0.0),
    ],
)
def test_mirex_scores(estimated: tuple[str, str], score: float) -> None:
    assert key_score(estimated, ("C", "major")) == score


def test_the_relative_major_is_above_the_minor() -> None:
    assert key_score(("C", "major"), ("A", "minor")) == 0.3
    assert key_score(("F#", "major"), ("A", "minor")) == 0.0


def test_krumhansl_finds_the_key_of_a_cadence() -> None:
    assert krumhansl_key(cadence(7, "major"), chroma="stft") == ("G", "major")
    with pytest.raises(ValueError, match="'mfcc'"):
        krumhansl_key(cadence(7, "major"), chroma="mfcc")
