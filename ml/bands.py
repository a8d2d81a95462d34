"""Mel bands that a recording never had, filled in from those that it has.

A song that passed through 8 kHz sampling ends at 4 kHz like a cliff, and the trunk, which never met such a cliff,
hears another kind of music. Where the spectrogram ends so, the bands above are given their expected value under a
Gaussian over all bands, learnt from full recordings. A gentle slope, as old or quiet recordings have, is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.features import Floats

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

    def extend(self, mel: Floats) -> Floats:
        """(frames, bands), with what lies above a cliff replaced by what is expected there."""
        cut = find_cliff(mel)
        if cut is None:
            return mel
        heard, missing = slice(0, cut), slice(cut, None)
        within = self.covariance[heard, heard] + _RIDGE * np.eye(cut, dtype=np.float32)
        slope = np.linalg.solve(within, self.covariance[heard, missing])
        expected = self.mean[missing] + (mel[:, heard] - self.mean[heard]) @ slope
        return np.concatenate([mel[:, heard], np.maximum(expected, 0, dtype=np.float32)], axis=1)


def find_cliff(mel: Floats) -> int | None:
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
