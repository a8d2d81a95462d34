"""Two small convolutional networks, trained from scratch.

Their inputs are three-second windows of the log-mel spectrogram, as they are (`cnn`) or as square pictures (`picture`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats
from ml.features.mel import MEL_BANDS, WINDOW_FRAMES
from ml.models.card import WeightError
from ml.models.genre import load_keras, start_tensorflow

SIDE = 128
WIDTHS = (16, 32, 48, 64)
DROPOUT = 0.4
BATCH = 32


class UnusableNetworkError(WeightError):
    code = "weights_no_network"
    sentence = "The weight file {file} holds no network that can be used here. Train it again."


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


def build(kind: str, labels: int, *, mean: float = 0.0, deviation: float = 1.0, seed: int = 0) -> Any:
    """An untrained network from `input_shape(kind)` to scores (labels,).

    The first layer has stride two, which saves three quarters of the work. `mean` and `deviation` of the training
    windows become part of the saved network.
    """
    start_tensorflow()
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    given = keras.Input(input_shape(kind), name=kind)
    sound = given if kind == "picture" else layers.Reshape((*given.shape[1:], 1))(given)
    sound = layers.Rescaling(1 / deviation, offset=-mean / deviation, name="scale")(sound)
    for number, width in enumerate(WIDTHS):
        first = number == 0
        size, stride = (5, 2) if first else (3, 1)
        sound = layers.Conv2D(width, size, stride, padding="same", use_bias=False)(sound)
        sound = layers.Activation("relu")(layers.BatchNormalization()(sound))
        sound = sound if first else layers.MaxPooling2D(2, padding="same")(sound)
    sound = layers.Dropout(DROPOUT)(layers.GlobalAveragePooling2D()(sound))
    return keras.Model(given, layers.Dense(labels, name="scores")(sound), name="lab_" + kind)


def load(path: Path) -> Any:
    return load_keras(path, UnusableNetworkError)


def scores(kind: str, network: Any, windows: Floats) -> Floats:
    """(windows, labels) for mel windows, in batches."""
    batches = (windows[start : start + BATCH] for start in range(0, len(windows), BATCH))
    parts = [np.asarray(network(prepare(kind, batch), training=False)) for batch in batches]
    return np.concatenate(parts).astype(np.float32)
