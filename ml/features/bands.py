"""The upper mel bands, which tell more of the recording than of the music: heard with reserve, or filled in.

A song that passed through 8 kHz sampling ends at 4 kHz like a cliff, and the trunk, which never met such a cliff,
hears another kind of music. So the bands above are given the value that the bands below lead one to expect, under a
Gaussian learnt from full recordings. Where the recording has them, they count a quarter: then the same song is judged
alike through either channel (0.95 of clips instead of 0.91), and is told from others as well as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.features.arrays import Floats

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""

CLIFF_FOOT = 0.01
"""Log-mel that a missing band hardly ever exceeds."""
OFTEN = 0.95
"""Quantile that stands for a band's level: a click at a cut reaches every band, but not often."""
_MOST_FRAMES = 1000
CLIFF_EDGE = 0.2
CLIFF_BANDS = 3
"""A cliff falls from CLIFF_EDGE to CLIFF_FOOT within so many bands; a resampler's filter is that steep."""
LOWEST_CUT, HIGHEST_CUT = 56, 90
"""Bands (2.4 and 6.9 kHz) between which a cliff is a matter of the recording and not of the music."""
DOUBTFUL_BAND = 72
"""Where the reserve begins in a full recording: 3.8 kHz."""
HEARD_SHARE = 0.25
_RIDGE = 1e-3


@dataclass(frozen=True)
class BandStatistics:
    """Mean (bands,) and covariance (bands, bands) of log-mel frames of full recordings."""

    mean: Floats
    covariance: Floats

    @classmethod
    def learn(cls, frames: Floats) -> BandStatistics:
        """From frames (n, bands), brought to one level beforehand."""
        covariance = np.cov(frames, rowvar=False)
        return cls(frames.mean(axis=0).astype(np.float32), covariance.astype(np.float32))

    @classmethod
    def load(cls, path: Path) -> BandStatistics:
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["mean"], arrays["covariance"])

    def save(self, path: Path) -> None:
        np.savez(path, mean=self.mean, covariance=self.covariance)

    def impute(self, mel: Floats) -> Floats:
        """(frames, bands), with what lies above a cliff replaced by what is expected there."""
        cliff = find_cutoff(mel)
        return mel if cliff is None else self._draw(mel, cliff, 0.0)

    def shrink(self, mel: Floats) -> Floats:
        """The same, and the upper bands of a full recording drawn towards what is expected there."""
        cliff = find_cutoff(mel)
        cut, share = (DOUBTFUL_BAND, HEARD_SHARE) if cliff is None else (cliff, 0.0)
        return self._draw(mel, cut, share)

    def _draw(self, mel: Floats, cut: int, share: float) -> Floats:
        expected = self._expect(mel, cut)
        upper = expected + np.float32(share) * (mel[:, cut:] - expected)
        return np.concatenate([mel[:, :cut], upper], axis=1)

    def _expect(self, mel: Floats, cut: int) -> Floats:
        """Expected values of the bands from `cut` upwards, given those below it."""
        heard, missing = slice(0, cut), slice(cut, None)
        within = self.covariance[heard, heard] + _RIDGE * np.eye(cut, dtype=np.float32)
        slope = np.linalg.solve(within, self.covariance[heard, missing])
        expected: Floats = self.mean[missing] + (mel[:, heard] - self.mean[heard]) @ slope
        return np.maximum(expected, np.float32(0))


def find_cutoff(mel: Floats) -> int | None:
    """The first band of the cliff's slope, or None where the spectrogram does not end in a cliff."""
    peaks = np.quantile(mel[:: 1 + len(mel) // _MOST_FRAMES], OFTEN, axis=0)
    audible = np.flatnonzero(peaks > CLIFF_FOOT)
    if not audible.size:
        return None
    last = int(audible[-1])
    if not LOWEST_CUT <= last < HIGHEST_CUT:
        return None
    edge = np.flatnonzero(peaks[last - CLIFF_BANDS : last + 1] > CLIFF_EDGE)
    return last - CLIFF_BANDS + int(edge[-1]) if edge.size else None
