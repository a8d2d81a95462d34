"""The common way to judge mood, to be measured beside ours: a small network that looks at a picture of the sound.

A mel spectrogram of 128 bands is squeezed to 128 columns, and convolutions learn from such pictures alone, with early
stopping on a part of what they learn from. No weights of it are kept: only its judgements are, in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ml.audio.loading import load
from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.models.card import hash_file
from ml.train.data.cache import Cache
from ml.train.data.corpus import Example

SIZE = 128
FILTERS = (16, 32, 64)
DROPOUT = 0.3
LEARNING_RATE = 1e-3
BATCH = 16
EPOCHS, PATIENCE = 60, 10
VALIDATION_SHARE = 0.15
SEED = 0
VERSION = 1
"""Raised when the network learns otherwise, so that judgements in the cache are made anew."""


def draw(samples: Floats) -> Floats:
    """(SIZE, SIZE) decibels of a mel spectrogram, columns averaged, brought to mean 0 and spread 1."""
    import librosa

    power = librosa.feature.melspectrogram(y=samples, sr=SAMPLE_RATE, n_mels=SIZE, n_fft=2048, hop_length=512)
    decibels = librosa.power_to_db(power, ref=np.max)
    edges = np.linspace(0, decibels.shape[1], SIZE + 1).astype(int)
    starts = np.minimum(edges[:-1], decibels.shape[1] - 1)
    columns = np.add.reduceat(decibels, starts, axis=1) / np.maximum(np.diff(edges), 1)
    picture: Floats = ((columns - columns.mean()) / (columns.std() + 1e-6)).astype(np.float32)
    return picture


def pictures(examples: Sequence[Example], cache: Cache, show_progress: Callable[[str], None]) -> Floats:
    drawn = []
    for number, example in enumerate(examples, start=1):
        show_progress(f"drawing {number}/{len(examples)}")
        key = f"picture|{VERSION}|{hash_file(example.audio)}"
        drawn.append(cache.get(key, lambda example=example: draw(load(example.audio).samples)))  # type: ignore[misc]
    return np.stack(drawn)


def fit(seen: Floats, balance: Floats) -> Callable[[Floats], Floats]:
    """A network that has learnt a balance (clips,) from pictures (clips, SIZE, SIZE)."""
    import keras

    keras.utils.set_random_seed(SEED)
    network = build()
    order = np.random.default_rng(SEED).permutation(len(seen))
    kept = max(1, round(VALIDATION_SHARE * len(seen)))
    learnt, watched = order[kept:], order[:kept]
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    network.fit(
        seen[learnt, ..., None],
        balance[learnt],
        validation_data=(seen[watched, ..., None], balance[watched]),
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
    seen = picture
    for filters in FILTERS:
        seen = layers.Conv2D(filters, 3, padding="same", activation="relu")(seen)
        seen = layers.BatchNormalization(momentum=0.9)(seen)
        seen = layers.MaxPooling2D(4 if filters == FILTERS[0] else 2)(seen)
    seen = layers.Dropout(DROPOUT)(layers.GlobalAveragePooling2D()(seen))
    network = keras.Model(picture, layers.Dense(1)(seen))
    network.compile(keras.optimizers.Adam(LEARNING_RATE), "mse")
    return network
