"""Features as the classical models look at them: in proportion, and without the key that a song is in.

Variances and deviations span orders of magnitude, so their logarithm is taken. The twelve chroma bins say first of all
which key it is; sorted, and as the sizes of their Fourier components, they say how the song uses its key. That took
logistic regression on GTZAN's published tables from 0.57 to 0.60 in artist-grouped cross-validation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ml.features.arrays import Floats

_SPREAD = re.compile(r"_(var|std)$")
_CHROMA = re.compile(r"chroma_(?:stft_)?(\d+)_(\w+)$")
_LEAST = 1e-9


def prepare(names: Sequence[str], rows: Floats) -> tuple[tuple[str, ...], Floats]:
    """Names and rows of what the models see, from feature rows (songs, names)."""
    kept = [place for place, name in enumerate(names) if not _CHROMA.search(name)]
    found_names = [names[place] for place in kept]
    found = rows[:, kept].astype(np.float64)
    spreads = [place for place, name in enumerate(found_names) if _SPREAD.search(name)]
    found[:, spreads] = np.log(np.maximum(found[:, spreads], 0) + _LEAST)
    parts = [found]
    for what, places in _pitches(names).items():
        pitches = rows[:, places].astype(np.float64)
        waves = np.abs(np.fft.rfft(pitches, axis=1))
        parts += [np.sort(pitches, axis=1), waves]
        found_names += [f"chroma_rank_{rank}_{what}" for rank in range(1, len(places) + 1)]
        found_names += [f"chroma_wave_{wave}_{what}" for wave in range(waves.shape[1])]
    return tuple(found_names), np.concatenate(parts, axis=1).astype(np.float32)


def _pitches(names: Sequence[str]) -> dict[str, list[int]]:
    """Places of the twelve bins, in order, of each statistic that there is of them."""
    found: dict[str, list[tuple[int, int]]] = {}
    for place, name in enumerate(names):
        if match := _CHROMA.search(name):
            found.setdefault(match[2], []).append((int(match[1]), place))
    return {what: [place for _, place in sorted(bins)] for what, bins in found.items()}
