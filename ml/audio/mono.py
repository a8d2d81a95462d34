"""Blocks of any rate and channel count become one mono float32 array at `SAMPLE_RATE`.

Each block is mixed and resampled as it arrives, so memory grows with the 16 kHz result only, never with the source's
rate, channels or stated length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from ml.audio.settings import SAMPLE_RATE

Samples = npt.NDArray[np.float32]

RESAMPLER = "HQ"
"""soxr's quality. It costs 0.033 s for four minutes at 44.1 kHz; "LQ" would save 4 ms and alias more."""

_FIRST_SECONDS = 300
"""Size of the first buffer: enough for most songs. Untouched pages cost nothing."""


@dataclass
class Decoded:
    """`samples` are at `SAMPLE_RATE`; `sample_rate` (Hz) is the source's own."""

    samples: Samples
    sample_rate: int
    format: str
    is_longer: bool = False
    """The source goes on after `max_seconds`."""
    is_broken: bool = False
    """The decoder gave up before the end of the bytes."""
    stated_seconds: float | None = None
    title: str = ""
    artist: str = ""

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


class Mono:
    """Collects blocks of frames at `rate` Hz up to `max_seconds`."""

    def __init__(self, rate: int, max_seconds: float, *, first_channel_only: bool = False) -> None:
        self._max_length = max(1, round(min(max_seconds, 1e6) * SAMPLE_RATE))
        self._first_channel_only = first_channel_only
        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float32", RESAMPLER)
        self._resampling = rate != SAMPLE_RATE
        self._samples: Samples = np.empty(min(self._max_length, _FIRST_SECONDS * SAMPLE_RATE), np.float32)
        self._length = 0

    def add(self, block: Samples) -> None:
        """Add one block, shape (frames, channels)."""
        mono = np.ascontiguousarray(block[:, 0]) if self._first_channel_only else mix(block)
        self._append(self._stream.resample_chunk(mono) if self._resampling else mono)

    def finish(self) -> Samples:
        """All samples, shape (n,)."""
        if self._resampling:
            self._append(self._stream.resample_chunk(np.empty(0, np.float32), last=True))
        self._samples.resize(self._length, refcheck=False)
        return self._samples

    def _append(self, part: Samples) -> None:
        part = part[: self._max_length - self._length]
        end = self._length + len(part)
        if end > len(self._samples):
            # No reference to the old buffer leaves this object before `finish`.
            self._samples.resize(min(self._max_length, max(end, 2 * len(self._samples))), refcheck=False)
        self._samples[self._length : end] = part
        self._length = end


def mix(block: Samples) -> Samples:
    """The mean of the channels of (frames, channels); stereo, the common case, without a matrix product.

    NaN and infinity pass through and are refused at the end, so NumPy's warnings about them are off.
    """
    channels = block.shape[1]
    if channels == 1:
        return np.ascontiguousarray(block[:, 0])
    with np.errstate(over="ignore", invalid="ignore"):
        if channels == 2:
            mono = block[:, 0] + block[:, 1]
            mono *= np.float32(0.5)
            return mono
        return block @ np.full(channels, 1.0 / channels, np.float32)


def peak(samples: Samples) -> float:
    """The largest magnitude, without a copy of the signal."""
    return max(float(samples.max()), -float(samples.min())) if len(samples) else 0.0
