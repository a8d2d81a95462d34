"""Motion separates restless from still music, whatever its loudness, length or bandwidth."""

from __future__ import annotations

import numpy as np
import pytest

from ml.audio.settings import SAMPLE_RATE
from ml.features import mel, motion
from ml.features.arrays import Floats
from ml.features.mel import WINDOW_FRAMES
from ml.train.data.augmentation import VARIANTS
from tests.ml.music import pure_tone, song, white_noise


def rises_of(sound: Floats) -> Floats:
    return motion.mean_rise(mel.log_mel(mel.level(sound)))


def test_restless_music_moves_more() -> None:
    still, slow, fast = (
        motion.measure(rises_of(sound)) for sound in (pure_tone(), song(12.0, bpm=60), song(12.0, bpm=180))
    )
    mean = motion.MEASURES.index("mean")
    assert still[mean] + 0.3 < slow[mean] < fast[mean]


@pytest.mark.parametrize("change", ["+6 dB", "-6 dB", "8 kHz sampling"])
def test_a_copy_has_the_motion_of_the_song(change: str) -> None:
    sound = 0.3 * song(12.0)
    plain = motion.measure(rises_of(sound))
    np.testing.assert_allclose(motion.measure(rises_of(VARIANTS[change](sound))), plain, atol=0.1)


@pytest.mark.parametrize("seconds", [1.0, 3.0, 3.1, 20.0])
def test_each_window_is_measured(seconds: float) -> None:
    frames = mel.log_mel(mel.level(white_noise(seconds)))
    count = len(mel.windows(frames))
    found = motion.measure_windows(motion.mean_rise(frames), count)
    assert found.shape == (count, len(motion.MEASURES))
    assert np.isfinite(found).all()


def test_a_window_depends_on_its_neighbours_only() -> None:
    """Half a minute of a held tone, then half a minute of drums: only windows near the change mix both."""
    sound = np.concatenate([pure_tone(30.0), song(30.0, bpm=150)])
    rises = rises_of(sound)
    found = motion.measure_windows(rises, len(rises) // WINDOW_FRAMES)[:, 0]
    middle = round(30 * SAMPLE_RATE / 256 / WINDOW_FRAMES)
    assert found[: middle - 2].max() + 0.5 < found[middle + 2 :].min()


def test_a_short_silence_has_finite_motion() -> None:
    for frames in (62, 2):
        silence = np.zeros((frames, 96), np.float32)
        assert np.isfinite(motion.measure(motion.mean_rise(silence))).all()
