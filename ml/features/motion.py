"""Motion: four statistics of how strongly the mel bands rise from frame to frame, for the mood model.

The output of the trunk describes the sound of a song but not how restless it is, and listeners call restless music
exciting. Only bands below 3.8 kHz count, which every recording has, so bandwidth does not change the result.
"""

from __future__ import annotations

import numpy as np

from ml.features import onsets
from ml.features.arrays import Floats
from ml.features.mel import WINDOW_FRAMES

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""

MEASURES = ("mean", "deviation", "strong", "usual")
BANDS = 64
_STRONG, _USUAL = 0.95, 0.5
_LEAST = 0.01
"""Added before the logarithm, which has no lower bound."""
_REACH = 1
"""Windows on either side that count for a moment of the timeline: nine seconds in all, as for the trunk output."""


def mean_rise(mel: Floats) -> Floats:
    """(frames,) mean over bands of the rise of a log-mel spectrogram (frames, bands); at least one frame."""
    rises = onsets.rise(mel[:, :BANDS]).mean(axis=1, dtype=np.float32)
    return rises if len(rises) else np.zeros(1, np.float32)


def measure(rises: Floats) -> Floats:
    """Logarithms of the MEASURES of mean rises (frames,)."""
    strong, usual = np.quantile(rises, (_STRONG, _USUAL))
    return np.log(np.array([rises.mean(), rises.std(), strong, usual]) + _LEAST).astype(np.float32)


def measure_windows(rises: Floats, count: int) -> Floats:
    """(count, MEASURES): each window, as `ml.features.mel.windows` cuts them, with its neighbours."""
    starts = [max(0, min(number * WINDOW_FRAMES, len(rises) - WINDOW_FRAMES)) for number in range(count)]
    reach = _REACH * WINDOW_FRAMES
    spans = [slice(max(0, start - reach), start + WINDOW_FRAMES + reach) for start in starts]
    return np.stack([measure(rises[span]) for span in spans])
