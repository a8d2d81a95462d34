"""Small pictures of a song: waveform peaks, and PNGs of its mel spectrogram and chromagram.

The process that analyses the song draws them, once. Each picture column is the mean of its frames.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.features.arrays import Doubles, Floats
from ml.features.chroma import Chromagram

PEAKS = 800
COLUMNS = 480
PITCH_ROWS = 6
"""Rows of pixels per pitch class."""
LEVELS = 64
QUIETEST, LOUDEST = 1.0, 99.7
"""Percentiles of the spectrogram that are drawn darkest and brightest."""
_ANCHORS = ((11, 14, 38), (52, 36, 110), (31, 109, 140), (62, 166, 122), (224, 200, 76), (255, 248, 214))
"""Colour map from silent to loud: dark blue, violet, teal, green, gold, nearly white; brightness rises throughout."""


def peaks(samples: Floats, count: int = PEAKS) -> list[int]:
    """The largest magnitude in each of `count` equal parts, scaled so that the largest of all is 255."""
    parts = _columns(np.abs(samples)[:, None], count, np.maximum)[:, 0]
    loudest = float(parts.max(initial=0.0))
    levels: list[int] = np.round(parts * (255 / loudest if loudest else 0)).astype(int).tolist()
    return levels


def spectrogram(mel: Floats) -> bytes:
    """PNG of a log-mel spectrogram (frames, bands): time to the right, low bands at the bottom, one row per band."""
    columns = _columns(mel, COLUMNS, np.add)
    quiet, loud = np.percentile(columns, (QUIETEST, LOUDEST))
    return _png((columns - quiet) / max(loud - quiet, 1e-9))


def chromagram(chroma: Chromagram) -> bytes:
    """PNG of a chromagram: time to the right, C at the bottom."""
    columns = _columns(chroma.full, COLUMNS, np.add)
    strength = columns / max(float(np.percentile(columns, LOUDEST)), 1e-9)
    return _png(np.repeat(strength, PITCH_ROWS, axis=1))


def _columns(rows: npt.NDArray[Any], count: int, reduce: np.ufunc) -> Doubles:
    """Reduce rows (frames, ...) to `count` rows by `np.add` (the mean) or `np.maximum`; few rows are repeated."""
    edges = np.linspace(0, len(rows), count + 1).astype(int)
    starts = np.minimum(edges[:-1], len(rows) - 1)
    reduced = reduce.reduceat(rows, starts, axis=0).astype(np.float64)
    if reduce is np.add:
        reduced /= np.maximum(np.diff(edges), 1)[:, None]
    return reduced


def _png(strength: Doubles) -> bytes:
    """PNG of strengths (columns, rows from the bottom), clipped to 0..1."""
    levels = np.round(np.clip(strength, 0, 1).T[::-1] * (LEVELS - 1)).astype(np.uint8)
    picture = Image.fromarray(levels).convert("P")
    picture.putpalette(_palette())
    data = io.BytesIO()
    picture.save(data, "PNG", optimize=True)
    return data.getvalue()


def _palette() -> bytes:
    anchors = np.array(_ANCHORS, float)
    at = np.linspace(0, len(anchors) - 1, LEVELS)
    colours = np.stack([np.interp(at, np.arange(len(anchors)), anchors[:, c]) for c in range(3)], axis=1)
    return bytes(np.round(colours).astype(np.uint8).tobytes())
