"""Inputs of the networks: windows of the log-mel spectrogram as they are (`cnn`) or as square pictures (`picture`)."""

from __future__ import annotations

from functools import cache

import numpy as np

from ml.features.arrays import Floats
from ml.features.mel import MEL_BANDS, WINDOW_FRAMES

SIDE = 128


def input_shape(kind: str) -> tuple[int, ...]:
    return (SIDE, SIDE, 3) if kind == "picture" else (WINDOW_FRAMES, MEL_BANDS)


def prepare(kind: str, windows: Floats) -> Floats:
    """The input of a network of that kind for windows (windows, WINDOW_FRAMES, MEL_BANDS)."""
    return picture(windows) if kind == "picture" else windows


def picture(windows: Floats) -> Floats:
    """(windows, SIDE, SIDE, 3): the level, and its derivatives along time and along frequency.

    Each channel of each picture has mean 0 and deviation 1. Unlike a plot, it has no colour map, axes or margins.
    """
    level = _interpolation(WINDOW_FRAMES) @ windows @ _interpolation(MEL_BANDS).T
    channels = np.stack([level, np.gradient(level, axis=1), np.gradient(level, axis=2)], axis=-1)
    channels -= channels.mean(axis=(1, 2), keepdims=True)
    channels /= channels.std(axis=(1, 2), keepdims=True) + 1e-6
    return channels.astype(np.float32)


@cache
def _interpolation(size: int) -> Floats:
    """(SIDE, size): the matrix that interpolates `size` points linearly to SIDE points."""
    points = np.linspace(0, size - 1, SIDE)
    return np.asarray(np.maximum(0, 1 - np.abs(points[:, None] - np.arange(size))), np.float32)
