from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.features.arrays import Floats
from ml.features.bands import SHRUNK_FROM, BandStatistics, find_cutoff
from ml.features.mel import MEL_BANDS, level, log_mel
from ml.models.genre import BANDS_NAME
from ml.paths import WEIGHT_FOLDER
from ml.train.data.augmentation import narrow
from tests.ml.music import pure_tone, song, white_noise


@pytest.fixture
def shipped() -> BandStatistics:
    return BandStatistics.load(WEIGHT_FOLDER / BANDS_NAME)


def bright_song() -> Floats:
    """With energy up to half the sample rate, so that sampling at 8 kHz removes some."""
    return song(8.0) + 0.02 * white_noise(8.0)


def test_a_narrow_copy_has_a_cutoff_at_four_kilohertz() -> None:
    assert find_cutoff(log_mel(level(bright_song()))) is None
    cut = find_cutoff(log_mel(level(narrow(bright_song()))))
    assert cut is not None
    assert 69 <= cut <= 76


@pytest.mark.parametrize("sound", [pure_tone(), np.zeros(32_000, np.float32)], ids=["tone", "silence"])
def test_sound_without_high_frequencies_has_no_cutoff(sound: Floats) -> None:
    assert find_cutoff(log_mel(level(sound))) is None


def test_shrinking_leaves_the_lower_bands_unchanged(shipped: BandStatistics) -> None:
    mel = log_mel(level(bright_song()))
    shrunk = shipped.shrink(mel)
    np.testing.assert_array_equal(shrunk[:, :SHRUNK_FROM], mel[:, :SHRUNK_FROM])
    assert shrunk.shape == mel.shape
    assert shrunk.dtype == np.float32
    assert (shrunk >= 0).all()


def test_shrinking_brings_a_narrow_copy_near_the_original(shipped: BandStatistics) -> None:
    full, cut = (log_mel(level(sound)) for sound in (bright_song(), narrow(bright_song())))
    before = abs(full - cut)[:, SHRUNK_FROM:].mean()
    assert abs(shipped.shrink(full) - shipped.shrink(cut))[:, SHRUNK_FROM:].mean() < before / 2


def test_missing_bands_get_the_conditional_mean_of_a_gaussian() -> None:
    """Where all bands are proportional, the others determine a missing band exactly."""
    loudness = np.random.default_rng(0).uniform(0.5, 2.0, 4000).astype(np.float32)
    together = BandStatistics.learn(loudness[:, None] * np.linspace(1, 2, MEL_BANDS, dtype=np.float32))
    full = np.full((200, 1), 1.5, np.float32) * np.linspace(1, 2, MEL_BANDS, dtype=np.float32)
    cut = full.copy()
    cut[:, 75:] = 0
    np.testing.assert_allclose(together.shrink(cut), full, atol=0.02)


def test_statistics_survive_saving(tmp_path: Path) -> None:
    learnt = BandStatistics.learn(np.random.default_rng(0).random((500, MEL_BANDS)).astype(np.float32))
    learnt.save(tmp_path / "bands.npz")
    again = BandStatistics.load(tmp_path / "bands.npz")
    np.testing.assert_array_equal(again.covariance, learnt.covariance)
