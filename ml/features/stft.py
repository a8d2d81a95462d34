"""Parts of a short-time Fourier transform that several descriptors share. The definitions are librosa's."""

from __future__ import annotations

from functools import cache

import numpy as np

from ml.features.arrays import Doubles, Floats

_HZ_PER_MEL, _LOG_START_HZ, _LOG_STEP = 200.0 / 3, 1000.0, float(np.log(6.4)) / 27.0
_LOG_START_MEL = _LOG_START_HZ / _HZ_PER_MEL


def frames(samples: Floats, *, size: int, hop: int) -> Floats:
    """A view (frames, size) of `samples`, padded with silence so that frame `i` is centred on sample `i * hop`."""
    padded = np.pad(samples, size // 2)
    return np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]


def window_starts(total: int, *, size: int, hop: int) -> list[int]:
    """Starts of windows that cover `total` frames or samples; the last window ends where they end."""
    starts = list(range(0, total - size + 1, hop)) or [0]
    return starts if starts[-1] + size >= total else [*starts, total - size]


@cache
def hann(size: int) -> Floats:
    """The periodic Hann window (size,)."""
    return np.hanning(size + 1)[:-1].astype(np.float32)


@cache
def mel_filters(*, rate: int, fft_size: int, bands: int) -> Floats:
    """(FFT bins, bands) triangles of equal area on the Slaney mel scale, from 0 Hz to half the sample rate."""
    highest = _LOG_START_MEL + float(np.log(rate / 2 / _LOG_START_HZ)) / _LOG_STEP
    edges = _mel_to_hz(np.linspace(0.0, highest, bands + 2))
    hz = np.fft.rfftfreq(fft_size, 1 / rate)[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.maximum(0.0, np.minimum((hz - lower) / (centre - lower), (upper - hz) / (upper - centre)))
    return (triangles * (2.0 / (upper - lower))).astype(np.float32)


def _mel_to_hz(mel: Doubles) -> Doubles:
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _HZ_PER_MEL, logarithmic)
