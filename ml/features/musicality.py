"""Musicality: three measures of the log-mel spectrogram that separate music from speech, noise and test tones.

The trunk was trained on songs alone and calls a lecture hip-hop. Speech without music has pauses, noise has no band
that stands out, and a test tone occupies few bands. None of the measures is trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.features.arrays import Floats

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""

PAUSE_DB = 25.0
"""A frame is a pause when it lies so far below the loud frames of the song."""
_LOUD_QUANTILE = 0.9
_MOST_FRAMES = 4000


@dataclass(frozen=True)
class Musicality:
    pauses: float
    """Share of frames that are pauses: 0 in most songs, a sixth and more in speech."""
    peakiness: float
    """Difference between the strongest bands and the median band (log10 of power): small in noise."""
    spread: float
    """Share of bands with any sound: nearly none in a test tone."""


def measure(mel: Floats) -> Musicality:
    """Of a log-mel spectrogram (frames, bands) of levelled samples, before any band is imputed."""
    frames = mel[:: 1 + len(mel) // _MOST_FRAMES].astype(np.float64)
    power = (10.0**frames - 1).sum(axis=1)
    decibels = 10 * np.log10(power + 1e-5)
    pauses = float(np.mean(decibels < np.quantile(decibels, _LOUD_QUANTILE) - PAUSE_DB))
    sounding = frames[decibels >= np.quantile(decibels, 0.5)]
    peaks = np.quantile(sounding, 0.97, axis=1) - np.median(sounding, axis=1)
    spread = float(np.mean(frames.mean(axis=0) > 0.05))
    return Musicality(pauses, float(peaks.mean()), spread)
