"""From sound to what the trunk looks at: one loudness, the log-mel spectrogram, cut into windows.

The numbers follow the spectrogram that the trunk was trained on (power spectrum, Slaney mel bands, log compression);
`librosa` defines them in the tests, NumPy and SciPy compute them here because that loads in a tenth of the time.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Doubles, Floats

FFT_SIZE = 512
HOP_SIZE = 256
MEL_BANDS = 96
WINDOW_FRAMES = 187
"""Frames of one trunk window: 3 seconds."""

LEVEL_RMS = 0.1
"""The loudness at which everything is heard: a song turned up or down is the same song."""

VERSION = 1
"""Part of the key of everything kept that was computed from these spectrograms. Raise it when the numbers change."""

_BLOCK_FRAMES = 2048
"""Frames transformed at a time: about 8 MB, so that a long song costs no more memory than a short one."""

_LEVEL_BLOCK = 512
_AUDIBLE_SHARE = 1e-5
"""Blocks 50 dB under the loudest are pauses, and say nothing of how loud the music is."""


def level(samples: Floats) -> Floats:
    """Bring mono samples to LEVEL_RMS, measured where there is something to hear."""
    whole = len(samples) // _LEVEL_BLOCK * _LEVEL_BLOCK
    blocks = samples[:whole].reshape(-1, _LEVEL_BLOCK)
    power = np.einsum("ij,ij->i", blocks, blocks) / _LEVEL_BLOCK
    loudest = float(power.max(initial=0.0))
    if loudest <= 0.0:
        return samples
    rms = float(np.sqrt(power[power > loudest * _AUDIBLE_SHARE].mean()))
    return samples * np.float32(LEVEL_RMS / rms)


def log_mel(samples: Floats) -> Floats:
    """Log-compressed mel spectrogram.

    samples: mono, `SAMPLE_RATE` Hz. Returns (frames, MEL_BANDS), one frame every HOP_SIZE samples, centred,
    values log10(10000 * power + 1).
    """
    padded = np.pad(samples, FFT_SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP_SIZE]
    mel = np.empty((len(frames), MEL_BANDS), np.float32)
    for start in range(0, len(frames), _BLOCK_FRAMES):
        block = slice(start, start + _BLOCK_FRAMES)
        spectrum = scipy.fft.rfft(frames[block] * _hann(), axis=1, overwrite_x=True)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        np.matmul(power, _mel_filters(), out=mel[block])
    mel *= np.float32(10_000)
    mel += np.float32(1)
    return np.log10(mel, out=mel)


def windows(mel: Floats, *, hop_frames: int = WINDOW_FRAMES) -> Floats:
    """Cut (frames, MEL_BANDS) into (windows, WINDOW_FRAMES, MEL_BANDS) that cover every frame.

    The last window ends where the sound ends, overlapping its neighbour; a sound shorter than a window is repeated,
    as the trunk's authors did.
    """
    if len(mel) < WINDOW_FRAMES:
        mel = mel[np.arange(WINDOW_FRAMES) % len(mel)]
    starts = list(range(0, len(mel) - WINDOW_FRAMES + 1, hop_frames))
    if starts[-1] + WINDOW_FRAMES < len(mel):
        starts.append(len(mel) - WINDOW_FRAMES)
    return np.stack([mel[start : start + WINDOW_FRAMES] for start in starts])


@cache
def _hann() -> Floats:
    return np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32)


@cache
def _mel_filters() -> Floats:
    """(FFT bins, MEL_BANDS) triangles of equal area on the Slaney scale, 0 Hz to half the sample rate."""
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(SAMPLE_RATE / 2), MEL_BANDS + 2))
    bins = np.fft.rfftfreq(FFT_SIZE, 1 / SAMPLE_RATE)[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - lower) / (centre - lower)
    falling = (upper - bins) / (upper - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (upper - lower))).astype(np.float32)


_LINEAR_HZ_PER_MEL = 200.0 / 3
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = float(np.log(6.4)) / 27.0


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_START_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return _LOG_START_MEL + float(np.log(hz / _LOG_START_HZ)) / _LOG_STEP


def _mel_to_hz(mel: Doubles) -> Doubles:
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _LINEAR_HZ_PER_MEL, logarithmic)
