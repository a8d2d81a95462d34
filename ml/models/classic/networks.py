"""Two small convolutional networks from scratch: on bare mel windows (`cnn`) and on square pictures (`picture`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats
from ml.models.card import WeightError
from ml.models.classic import network_inputs
from ml.models.genre import start_tensorflow

WIDTHS = (16, 32, 48, 64)
DROPOUT = 0.4
BATCH = 32


class UnusableNetworkError(WeightError):
    code = "weights_no_network"
    sentence = "The weight file {file} holds no network that can be used here. Train it again."


def build(kind: str, labels: int, *, mean: float = 0.0, deviation: float = 1.0, seed: int = 0) -> Any:
    """Input of `pictures.shape_of(kind)` to scores (labels,). The first layer steps by two, a quarter of the work.

    `mean` and `deviation` of the training windows stand in the file, so that nobody has to remember them.
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
        sound = layers.Conv2D(width, 5 if first else 3, 2 if first else 1, padding="same", use_bias=False)(
            sound
        )
        sound = layers.Activation("relu")(layers.BatchNormalization()(sound))
        sound = sound if first else layers.MaxPooling2D(2, padding="same")(sound)
    sound = layers.Dropout(DROPOUT)(layers.GlobalAveragePooling2D()(sound))
    return keras.Model(given, layers.Dense(labels, name="scores")(sound), name="lab_" + kind)


def load(path: Path) -> Any:
    start_tensorflow()
    import keras

    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UnusableNetworkError(file=path.name) from error


def scores(kind: str, network: Any, windows: Floats) -> Floats:
    """(windows, labels) of mel windows, in batches."""
    starts = range(0, len(windows), BATCH)
    parts = [
        np.asarray(network(network_inputs.prepare(kind, windows[start : start + BATCH]), training=False))
        for start in starts
    ]
    return np.concatenate(parts).astype(np.float32)
