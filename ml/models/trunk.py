"""The trunk: a convolutional network from 3 s of log-mel spectrogram to 50 tags and an embedding of 200 numbers.

The architecture is musicnn's (Pons & Serra 2019), built from plain Keras layers so that the saved file loads without
custom code. `ml.train.trunk` fills it from the published checkpoint.

Two changes make it ten times cheaper with the same results. Weight decay has brought most of the published filters to
zero: 498 of 561 give a constant, so only the others are computed and one channel of ones replaces the rest. And the
published network takes the maximum over frequency of each filter *after* ReLU and batch normalisation; both are
monotonic, so the maximum comes first, of the negated filter where the slope of its normalisation is negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ml.features.mel import MEL_BANDS, WINDOW_FRAMES

if TYPE_CHECKING:
    import keras


class Filters(NamedTuple):
    name: str
    frames: int
    bands: int
    alive: int


VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""

TIMBRAL = (Filters("timbral_38", 7, 38, 22), Filters("timbral_67", 7, 67, 14))
"""Filters over a few frames and many mel bands, at every position on the frequency axis."""

TEMPORAL = (Filters("temporal_128", 128, 1, 3), Filters("temporal_64", 64, 1, 7), Filters("temporal_32", 32, 1, 17))
"""Filters over many frames of one mel band."""

FRONT = TIMBRAL + TEMPORAL
DENSE_FILTERS = 64
EMBEDDING_SIZE = 200
TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock",
    "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "mellow",
    "electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient",
    "acoustic", "experimental", "female vocalist", "guitar", "hip-hop", "70s", "party", "country", "easy listening",
    "sexy", "catchy", "funk", "electro", "heavy metal", "progressive rock", "60s", "rnb", "indie pop", "sad", "house",
    "happy",
)  # fmt: skip
"""The tags of the published model, in its order (last.fm tags of the Million Song Dataset)."""

TRUNK_OUTPUT_SIZE = 2 * len(TAGS) + EMBEDDING_SIZE
"""Probabilities of the tags, their logits, and the embedding."""
BY_TAGS = slice(0, 2 * len(TAGS))
"""The part of a trunk output that follows from a published taggram: probabilities and logits of the tags."""
EMBEDDING = slice(2 * len(TAGS), TRUNK_OUTPUT_SIZE)

NORMALISATION_EPSILON = 1e-3


def build() -> keras.Model:
    """The untrained trunk: (windows, WINDOW_FRAMES, MEL_BANDS) -> {"tags", "tag_logits", "embedding"}."""
    import keras
    from keras import layers

    spectrogram = keras.Input((WINDOW_FRAMES, MEL_BANDS), name="log_mel")
    image = layers.Reshape((WINDOW_FRAMES, MEL_BANDS, 1))(spectrogram)
    image = _normalisation("input")(image)
    front = layers.Concatenate(name="front")([_maximum_over_frequency(image, filters) for filters in FRONT])
    constant = keras.ops.ones_like(front[:, :, :1])
    first = _dense_convolution(layers.Concatenate()([front, constant]), "middle_1")
    second = layers.Add()([_dense_convolution(first, "middle_2"), first])
    third = layers.Add()([_dense_convolution(second, "middle_3"), second])
    series = layers.Concatenate()([front, first, second, third])
    pooling = (layers.GlobalMaxPooling1D(), layers.GlobalAveragePooling1D())
    pooled = layers.Concatenate()([pool(series) for pool in pooling])
    pooled = _normalisation("pooled")(pooled)
    dense = layers.Dense(EMBEDDING_SIZE, activation="relu", name="dense")(pooled)
    embedding = _normalisation("embedding")(dense)
    logits = layers.Dense(len(TAGS), name="tag_logits")(embedding)
    tags = layers.Activation("sigmoid", name="tags")(logits)
    outputs = {"tags": tags, "tag_logits": logits, "embedding": embedding}
    return keras.Model(spectrogram, outputs, name="trunk")


def _normalisation(name: str) -> Any:
    from keras import layers

    return layers.BatchNormalization(epsilon=NORMALISATION_EPSILON, name=name)


def _maximum_over_frequency(image: Any, filters: Filters) -> Any:
    """Filters over the spectrogram, their maximum over frequency, then bias, ReLU and normalisation."""
    from keras import layers

    name, size = filters.name, (filters.frames, filters.bands)
    if filters.bands > 1:
        # Only time is padded, as published: in frequency a filter lies wholly inside.
        image = layers.ZeroPadding2D((filters.frames // 2, 0), name=f"{name}_padding")(image)
    padding = "valid" if filters.bands > 1 else "same"
    activations = layers.Conv2D(filters.alive, size, padding=padding, use_bias=False, name=name)(image)
    strongest = layers.MaxPooling2D((1, MEL_BANDS - filters.bands + 1), name=f"{name}_strongest")(activations)
    strongest = layers.Reshape((WINDOW_FRAMES, filters.alive))(strongest)
    biased = _normalisation(f"{name}_bias")(strongest)
    return _normalisation(f"{name}_normalised")(layers.ReLU()(biased))


def _dense_convolution(series: Any, name: str) -> Any:
    from keras import layers

    activations = layers.Conv1D(DENSE_FILTERS, 7, padding="same", activation="relu", name=name)(series)
    return _normalisation(f"{name}_normalised")(activations)
