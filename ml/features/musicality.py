"""Does this sound like music at all? Three plain measures that need no training, taken from the log-mel spectrogram.

The trunk learnt from songs alone and hears a lecture as hip-hop; what gives a voice without music away is its pauses,
and what gives noise away is that no band stands out from its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.features.arrays import Floats

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""

PAUSE_DB = 25.0
"""How far under the song's loud moments a moment counts as a pause."""
_LOUD_QUANTILE = 0.9
_MOST_FRAMES = 4000


@dataclass(frozen=True)
class Musicality:
    pauses: float
    """Share of moments that are pauses: 0 in most songs, a sixth and more in speech."""
    peakiness: float
    """How far the strongest bands stand above the middle ones (log10 of power): little in noise."""
    spread: float
    """Share of bands that sound at all: nearly none in a test tone."""


def measure(mel: Floats) -> Musicality:
    """mel: (frames, bands) of log10(10000 * power + 1) at one level, before any band was filled in."""
    frames = mel[:: 1 + len(mel) // _MOST_FRAMES].astype(np.float64)
    power = (10.0**frames - 1).sum(axis=1)
    decibels = 10 * np.log10(power + 1e-5)
    pauses = float(np.mean(decibels < np.quantile(decibels, _LOUD_QUANTILE) - PAUSE_DB))
    sounding = frames[decibels >= np.quantile(decibels, 0.5)]
    peaks = np.quantile(sounding, 0.97, axis=1) - np.median(sounding, axis=1)
    return Musicality(
        pauses=pauses, peakiness=float(peaks.mean()), spread=float(np.mean(frames.mean(axis=0) > 0.05))
    )
