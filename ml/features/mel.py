"""Input of the trunk: samples at one loudness, their log-mel spectrogram, and its windows.

The numbers follow the spectrogram that the trunk was trained on (power spectrum, Slaney mel bands, log compression).
The tests compare them with librosa; NumPy and SciPy compute them here because they import in a tenth of the time.
"""

from __future__ import annotations

import numpy as np
import scipy

from ml.audio.settings import SAMPLE_RATE
from ml.features import stft
from ml.features.arrays import Floats

FFT_SIZE = 512
HOP_SIZE = 256
MEL_BANDS = 96
WINDOW_FRAMES = 187
"""Frames of one trunk window: 3 seconds."""

LEVEL_RMS = 0.1
"""RMS that every song is scaled to, so that volume changes no result."""

VERSION = 1
"""Part of the cache key of everything computed from these spectrograms. Raise it when the numbers change."""

_BLOCK_FRAMES = 2048
"""Frames transformed at a time: about 8 MB, so that a long song needs no more memory than a short one."""

_LEVEL_BLOCK = 512
_AUDIBLE_SHARE = 1e-5
"""Blocks 50 dB below the loudest are pauses and do not count towards the loudness."""


def level(samples: Floats) -> Floats:
    """Scale mono samples to LEVEL_RMS, measured over the blocks that are not pauses."""
    whole = len(samples) // _LEVEL_BLOCK * _LEVEL_BLOCK
    blocks = samples[:whole].reshape(-1, _LEVEL_BLOCK)
    power = np.einsum("ij,ij->i", blocks, blocks) / _LEVEL_BLOCK
    loudest = float(power.max(initial=0.0))
    if loudest <= 0.0:
        return samples
    rms = float(np.sqrt(power[power > loudest * _AUDIBLE_SHARE].mean()))
    return samples * np.float32(LEVEL_RMS / rms)


def log_mel(samples: Floats) -> Floats:
    """Log-mel spectrogram (frames, MEL_BANDS) of mono samples at SAMPLE_RATE: log10(10000 * power + 1).

    Frames are centred and lie HOP_SIZE samples apart.
    """
    frames = stft.frames(samples, size=FFT_SIZE, hop=HOP_SIZE)
    filters = stft.mel_filters(rate=SAMPLE_RATE, fft_size=FFT_SIZE, bands=MEL_BANDS)
    mel = np.empty((len(frames), MEL_BANDS), np.float32)
    for start in range(0, len(frames), _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        spectrum = scipy.fft.rfft(frames[block] * stft.hann(FFT_SIZE), axis=1, overwrite_x=True)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        np.matmul(power, filters, out=mel[block])
    mel *= np.float32(10_000)
    mel += np.float32(1)
    return np.log10(mel, out=mel)


def windows(mel: Floats, *, hop_frames: int = WINDOW_FRAMES) -> Floats:
    """Cut (frames, MEL_BANDS) into (windows, WINDOW_FRAMES, MEL_BANDS) that cover every frame.

    The last window ends where the sound ends and overlaps the one before. A sound shorter than a window is repeated,
    as in the training of the trunk.
    """
    if len(mel) < WINDOW_FRAMES:
        mel = mel[np.arange(WINDOW_FRAMES) % len(mel)]
    starts = stft.window_starts(len(mel), size=WINDOW_FRAMES, hop=hop_frames)
    return np.stack([mel[start : start + WINDOW_FRAMES] for start in starts])
