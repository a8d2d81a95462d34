"""How much starts in the music: four numbers of how strongly it rises from moment to moment.

The trunk hears what a song sounds like, not how restless it is, and listeners call restless music exciting. Only
bands below 3.8 kHz count, which every recording has, so a narrow copy of a song moves as the song does.
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
"""Added before the logarithm: what hardly moves is not endlessly still."""
_REACH = 1
"""Windows to either side that a moment of the timeline is heard with: nine seconds, as the evidence is."""


def strength(mel: Floats) -> Floats:
    """(frames,) mean rise of the bands of a log-mel spectrogram (frames, bands); at least one frame."""
    rises = onsets.rise(mel[:, :BANDS]).mean(axis=1, dtype=np.float32)
    return rises if len(rises) else np.zeros(1, np.float32)


def measure(rises: Floats) -> Floats:
    """Logarithms of the MEASURES of the strengths of a whole song."""
    strong, usual = np.quantile(rises, (_STRONG, _USUAL))
    return np.log(np.array([rises.mean(), rises.std(), strong, usual]) + _LEAST).astype(np.float32)


def measure_windows(rises: Floats, count: int) -> Floats:
    """(count, MEASURES) of each window of a song and its neighbours, as `ml.features.mel.windows` cuts them."""
    starts = [max(0, min(number * WINDOW_FRAMES, len(rises) - WINDOW_FRAMES)) for number in range(count)]
    reach = _REACH * WINDOW_FRAMES
    return np.stack(
        [measure(rises[max(0, start - reach) : start + WINDOW_FRAMES + reach]) for start in starts]
    )
