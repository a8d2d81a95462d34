"""The tempo: right for drums at known tempi, and None without a beat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.evaluate.baselines import librosa_tempo
from ml.features.mel import log_mel
from ml.features.onsets import TEMPI
from ml.models import logit, tempo
from ml.report.schema import Tempo
from ml.train.rhythm.tasks import tempo_is_related, tempo_is_right
from tests.ml.tunes import cadence, clicks, drums, noise, silence, tone


def estimate(samples: np.ndarray, **options: dict[str, float]) -> Tempo | None:
    return tempo.estimate(log_mel(samples.astype(np.float32)), **options)


@pytest.mark.parametrize("bpm", [60, 72, 84.5, 97, 110, 120, 128, 140, 155, 174, 190])
def test_clicks_have_their_tempo(bpm: float) -> None:
    answer = estimate(clicks(bpm, 20))
    assert answer is not None
    counted = (answer.bpm, *answer.alternatives)
    assert min(abs(tempo / bpm - 1) for tempo in counted) < 0.005
    assert answer.confidence > 0.5


@pytest.mark.parametrize("swing", [0.5, 0.6, 2 / 3])
@pytest.mark.parametrize("bpm", [80, 93, 105, 118, 126.3])
def test_drums_have_their_tempo(bpm: float, swing: float) -> None:
    answer = estimate(drums(bpm, 20, swing=swing))
    assert answer is not None and answer.bpm == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize("bpm", [150, 165, 180])
def test_fast_drums_have_their_tempo_or_an_alternative(bpm: float) -> None:
    answer = estimate(drums(bpm, 20))
    assert answer is not None and tempo_is_related(answer.bpm, bpm)
    assert min(abs(other / bpm - 1) for other in (answer.bpm, *answer.alternatives)) < 0.01


def test_the_tempo_survives_changes_to_a_recording() -> None:
    song = drums(104, 20)
    for changed in (
        song / 2,
        song * 2,
        np.concatenate([silence(6), song, silence(6)]),
        song + noise(20, level=0.02),
        np.clip(song * 8, -1, 1),
        np.tile(song[: 15 * 16_000], 12),
    ):
        answer = estimate(changed)
        assert answer is not None and answer.bpm == pytest.approx(104, rel=0.02)


def test_short_or_beatless_sound_has_no_tempo() -> None:
    for nothing in (clicks(120, 3.5), silence(20), tone(440, 20), np.ones(320_000), noise(0.1)):
        assert estimate(nothing) is None
    assert estimate(noise(120)) is None
    assert estimate(np.concatenate([silence(10), clicks(120, 2.5), silence(10)])) is None
    assert tempo.estimate(np.zeros((0, 96), np.float32)) is None


def test_confidence_falls_without_a_clear_beat() -> None:
    sure = estimate(drums(100, 20))
    unsure = estimate(noise(15))
    assert sure is not None and sure.confidence > 0.7
    assert unsure is None or unsure.confidence < 0.35


def test_alternatives_are_multiples_within_range() -> None:
    answer = estimate(drums(100, 20))
    assert answer is not None and len(answer.alternatives) == 2
    for other in answer.alternatives:
        factor = max(other, answer.bpm) / min(other, answer.bpm)
        assert factor == pytest.approx(round(factor), abs=0.01) and round(factor) in (2, 3)
        assert TEMPI[0] <= other <= TEMPI[-1]


def test_the_genre_decides_between_octaves() -> None:
    """An ambiguous 75 or 150 is slower as hip-hop than as reggae."""
    song = drums(150, 20)
    slow, fast = (estimate(song, genre={label: 1.0}) for label in ("hiphop", "reggae"))
    assert slow is not None and fast is not None
    assert slow.bpm <= fast.bpm


def test_an_unknown_genre_is_like_none() -> None:
    song = drums(100, 10)
    assert estimate(song, genre={"trot": 1.0}) == estimate(song) == estimate(song, genre={})


@settings(max_examples=25, deadline=None)
@given(st.integers(min_value=0, max_value=1500), st.integers(min_value=0, max_value=2**31))
def test_any_spectrogram_gives_a_valid_tempo(frames: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mel = random.gamma(1.0, random.uniform(1e-4, 2), (frames, 96)).astype(np.float32)
    answer = tempo.estimate(mel)
    if answer is not None:
        assert TEMPI[0] * 0.97 <= answer.bpm <= TEMPI[-1] * 1.03
        assert 0 <= answer.confidence <= 1


def test_chords_without_drums_have_a_tempo() -> None:
    answer = estimate(cadence(0, "major", repeats=6))
    assert answer is not None and tempo_is_related(answer.bpm, 75)


@pytest.mark.parametrize(
    ("estimated", "right", "related"),
    [(100, True, True), (104, True, True), (104.1, False, False), (50, False, True), (300, False, True)],
)
def test_accuracy_1_and_2(estimated: float, right: bool, related: bool) -> None:
    assert tempo_is_right(estimated, 100) is right
    assert tempo_is_related(estimated, 100) is related


def test_priors_follow_the_genre() -> None:
    priors = {"slow": np.array([1.0, 0.0]), "fast": np.array([0.0, 1.0])}
    np.testing.assert_allclose(logit.mix_priors(priors, None), [0.5, 0.5])
    np.testing.assert_allclose(logit.mix_priors(priors, {"slow": 1.0}), [1.0, 0.0])
    np.testing.assert_allclose(logit.mix_priors(priors, {"slow": 0.5, "other": 0.5}), [0.75, 0.25])


def test_librosa_finds_the_tempo_of_clicks() -> None:
    assert tempo_is_related(librosa_tempo(clicks(120, 10)), 120)
