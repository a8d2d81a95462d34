"""Two small convolutional networks, trained from scratch: on mel windows (`cnn`) and on square pictures (`picture`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats
from ml.models.card import WeightError
from ml.models.classic import network_inputs
from ml.models.genre import load_keras, start_tensorflow

WIDTHS = (16, 32, 48, 64)
DROPOUT = 0.4
BATCH = 32


class UnusableNetworkError(WeightError):
    code = "weights_no_network"
    sentence = "The weight file {file} holds no network that can be used here. Train it again."


def build(kind: str, labels: int, *, mean: float = 0.0, deviation: float = 1.0, seed: int = 0) -> Any:
    """An untrained network from `network_inputs.input_shape(kind)` to scores (labels,).

    The first layer has stride two, which saves three quarters of the work. `mean` and `deviation` of the training
    windows become part of the saved network.
    """
    start_tensorflow()
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    given = keras.Input(network_inputs.input_shape(kind), name=kind)
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
    parts = [np.asarray(network(network_inputs.prepare(kind, batch), training=False)) for batch in batches]
    return np.concatenate(parts).astype(np.float32)
