"""A common baseline for mood: a small convolutional network on pictures of mel spectrograms.

A mel spectrogram of 128 bands is averaged into 128 columns. Training stops early on a part of the training clips. Only
its predictions are kept, in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.audio.loading import load
from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.models.card import hash_file
from ml.report.progress import counted
from ml.train.data.corpus import Example
from ml.train.files import Cache

SIZE = 128
FILTERS = (16, 32, 64)
DROPOUT = 0.3
LEARNING_RATE = 1e-3
BATCH = 16
EPOCHS, PATIENCE = 60, 10
VALIDATION_SHARE = 0.15
SEED = 0
VERSION = 1
"""Part of the keys of cached results. Raise it when the network or its training changes."""


def draw(samples: Floats) -> Floats:
    """(SIZE, SIZE) decibels of a mel spectrogram, columns averaged, standardised to mean 0 and deviation 1."""
    import librosa

    power = librosa.feature.melspectrogram(y=samples, sr=SAMPLE_RATE, n_mels=SIZE, n_fft=2048, hop_length=512)
    decibels = librosa.power_to_db(power, ref=np.max)
    edges = np.linspace(0, decibels.shape[1], SIZE + 1).astype(int)
    starts = np.minimum(edges[:-1], decibels.shape[1] - 1)
    columns = np.add.reduceat(decibels, starts, axis=1) / np.maximum(np.diff(edges), 1)
    picture: Floats = ((columns - columns.mean()) / (columns.std() + 1e-6)).astype(np.float32)
    return picture


def pictures(examples: Sequence[Example], cache: Cache) -> Floats:
    def picture(path: Path) -> Floats:
        return cache.get(f"picture|{VERSION}|{hash_file(path)}", lambda: draw(load(path).samples))

    return np.stack([picture(example.audio) for example in counted(examples, "mel pictures")])


def fit(pictures: Floats, balance: Floats) -> Callable[[Floats], Floats]:
    """Train a network to predict the balance (clips,) from pictures (clips, SIZE, SIZE)."""
    import keras

    keras.utils.set_random_seed(SEED)
    network = build()
    order = np.random.default_rng(SEED).permutation(len(pictures))
    count = max(1, round(VALIDATION_SHARE * len(pictures)))
    train, valid = order[count:], order[:count]
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    network.fit(
        pictures[train, ..., None],
        balance[train],
        validation_data=(pictures[valid, ..., None], balance[valid]),
        epochs=EPOCHS,
        batch_size=BATCH,
        callbacks=[stop],
        verbose=0,
    )
    return lambda others: np.asarray(network(others[..., None], training=False))[:, 0]


def build() -> Any:
    import keras
    from keras import layers

    picture = keras.Input((SIZE, SIZE, 1))
    layer = picture
    for filters in FILTERS:
        layer = layers.Conv2D(filters, 3, padding="same", activation="relu")(layer)
        layer = layers.BatchNormalization(momentum=0.9)(layer)
        layer = layers.MaxPooling2D(4 if filters == FILTERS[0] else 2)(layer)
    layer = layers.Dropout(DROPOUT)(layers.GlobalAveragePooling2D()(layer))
    network = keras.Model(picture, layers.Dense(1)(layer))
    network.compile(keras.optimizers.Adam(LEARNING_RATE), "mse")
    return network
