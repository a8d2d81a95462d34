from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.audio.settings import SAMPLE_RATE
from ml.features import mel
from ml.features.arrays import Floats
from ml.features.mel import FFT_SIZE, HOP_SIZE, LEVEL_RMS, MEL_BANDS, WINDOW_FRAMES
from tests.ml.music import pure_tone, song, white_noise


@pytest.mark.parametrize("sound", [song(3.0), white_noise(2.0), pure_tone(1.0)], ids=["song", "noise", "tone"])
def test_log_mel_equals_librosa(sound: Floats) -> None:
    power = librosa.feature.melspectrogram(
        y=sound, sr=SAMPLE_RATE, n_fft=FFT_SIZE, hop_length=HOP_SIZE, n_mels=MEL_BANDS
    )
    expected = np.log10(10_000 * power + 1).T
    np.testing.assert_allclose(mel.log_mel(sound), expected, atol=2e-5)


def test_blocks_of_a_long_sound_join_without_a_seam() -> None:
    sound = white_noise(60.0)
    whole = mel.log_mel(sound)
    apart = mel.log_mel(sound[: SAMPLE_RATE * 20])
    # The order of summation may differ between blocks, which changes the last digit of a float.
    np.testing.assert_allclose(whole[: len(apart) - 2], apart[:-2], rtol=1e-6, atol=1e-6)


@given(st.integers(1, 1000))
def test_windows_cover_every_frame_and_keep_their_order(frames: int) -> None:
    numbered = np.arange(frames, dtype=np.float32)[:, None] * np.ones(MEL_BANDS, np.float32)
    cut = mel.windows(numbered)
    assert cut.shape[1:] == (WINDOW_FRAMES, MEL_BANDS)
    assert set(cut[..., 0].ravel()) == set(range(frames))
    assert (np.diff(cut[:, 0, 0]) > 0).all()


def test_a_short_sound_is_repeated() -> None:
    numbered = np.arange(50, dtype=np.float32)[:, None] * np.ones(MEL_BANDS, np.float32)
    assert mel.windows(numbered)[0, 50:100, 0].tolist() == list(range(50))


@given(st.floats(-60, 20))
def test_level_removes_volume(decibels: float) -> None:
    sound = song(2.0)
    louder = sound * np.float32(10 ** (decibels / 20))
    np.testing.assert_allclose(mel.level(louder), mel.level(sound), rtol=1e-3, atol=1e-6)


def test_level_ignores_pauses() -> None:
    sound = song(4.0)
    with_pause = np.concatenate([np.zeros(16 * len(sound), np.float32), sound])
    assert mel.level(with_pause)[-len(sound) :].std() == pytest.approx(mel.level(sound).std(), rel=0.05)
    assert mel.level(sound).std() == pytest.approx(LEVEL_RMS, rel=0.05)


def test_silence_stays_silent() -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    assert not mel.level(silence).any()
    assert not mel.log_mel(silence).any()
