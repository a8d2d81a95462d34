"""Bandwidth: make the upper mel bands, which depend on the recording more than on the music, alike in all recordings.

A song that was once sampled at 8 kHz has nothing above 4 kHz. The trunk was trained on songs with full bandwidth and
predicts other genres for such a copy. So the missing bands are imputed: a Gaussian fitted to full recordings gives
their expected values from the bands below. Where a recording has the upper bands, they are shrunk towards the expected
values and keep a quarter of their deviation: then 0.95 of clips, instead of 0.91, get the same genre at either
bandwidth, and songs are told apart as well as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.features.arrays import Floats

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""

_MOST_FRAMES = 1000
_LEVEL_QUANTILE = 0.95
"""Quantile over time that stands for a band's level. The maximum would not do: a click at a cut reaches every band."""
_FLOOR = 0.01
"""Log-mel level that a missing band hardly ever exceeds."""
_EDGE = 0.2
_EDGE_BANDS = 3
"""At a cutoff the level falls from _EDGE to _FLOOR within so many bands; the filter of a resampler is that steep."""
_LOWEST_CUTOFF, _HIGHEST_CUTOFF = 56, 90
"""Bands (2.4 and 6.9 kHz) between which a steep end comes from the recording and not from the music."""
SHRUNK_FROM = 72
"""First band that is shrunk in a full recording: 3.8 kHz."""
_KEPT_DEVIATION = 0.25
_RIDGE = 1e-3


@dataclass(frozen=True)
class BandStatistics:
    """Mean (bands,) and covariance (bands, bands) of log-mel frames of full recordings."""

    mean: Floats
    covariance: Floats

    @classmethod
    def learn(cls, frames: Floats) -> BandStatistics:
        """From frames (n, bands) of songs that were brought to one level before."""
        covariance = np.cov(frames, rowvar=False)
        return cls(frames.mean(axis=0).astype(np.float32), covariance.astype(np.float32))

    @classmethod
    def load(cls, path: Path) -> BandStatistics:
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["mean"], arrays["covariance"])

    def save(self, path: Path) -> None:
        np.savez(path, mean=self.mean, covariance=self.covariance)

    def impute(self, mel: Floats) -> Floats:
        """(frames, bands) with the bands above a cutoff replaced by their expected values."""
        cutoff = find_cutoff(mel)
        return mel if cutoff is None else self._shrink(mel, cutoff, kept_deviation=0.0)

    def shrink(self, mel: Floats) -> Floats:
        """Like `impute`; without a cutoff, the bands from SHRUNK_FROM are moved towards their expected values."""
        cutoff = find_cutoff(mel)
        if cutoff is None:
            return self._shrink(mel, SHRUNK_FROM, kept_deviation=_KEPT_DEVIATION)
        return self._shrink(mel, cutoff, kept_deviation=0.0)

    def _shrink(self, mel: Floats, first: int, *, kept_deviation: float) -> Floats:
        expected = self._expected(mel, first)
        upper = expected + np.float32(kept_deviation) * (mel[:, first:] - expected)
        return np.concatenate([mel[:, :first], upper], axis=1)

    def _expected(self, mel: Floats, first: int) -> Floats:
        """(frames, bands - first): expected values of the bands from `first`, given those below."""
        lower, upper = slice(0, first), slice(first, None)
        within = self.covariance[lower, lower] + _RIDGE * np.eye(first, dtype=np.float32)
        slope = np.linalg.solve(within, self.covariance[lower, upper])
        expected: Floats = self.mean[upper] + (mel[:, lower] - self.mean[lower]) @ slope
        return np.maximum(expected, np.float32(0))


def find_cutoff(mel: Floats) -> int | None:
    """The band at which the level begins to fall to nothing, or None where the spectrogram has no steep end."""
    levels = np.quantile(mel[:: 1 + len(mel) // _MOST_FRAMES], _LEVEL_QUANTILE, axis=0)
    audible = np.flatnonzero(levels > _FLOOR)
    if not audible.size:
        return None
    last = int(audible[-1])
    if not _LOWEST_CUTOFF <= last < _HIGHEST_CUTOFF:
        return None
    edge = np.flatnonzero(levels[last - _EDGE_BANDS : last + 1] > _EDGE)
    return last - _EDGE_BANDS + int(edge[-1]) if edge.size else None
