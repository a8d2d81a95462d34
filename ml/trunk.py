"""The trunk: a convolutional network that hears 3 s of log-mel spectrogram as 50 tags and a 200-number embedding.

The architecture is musicnn's (Pons & Serra 2019), built from plain Keras layers so that the saved file loads
without custom code. `ml.convert` fills it from the published checkpoint.

Two rewritings leave the result as it was and the work smaller. The published network takes, for each filter, the
highest value over frequency *after* ReLU and batch normalisation; both are monotonic, so the maximum is taken first,
of the filter turned upside down where its normalisation has a negative slope. And the convolutions over the
spectrogram, nine tenths of the work, may run in bfloat16 where the processor has the instructions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.settings import MEL_BANDS, WINDOW_FRAMES

if TYPE_CHECKING:
    import keras

TIMBRAL = {"timbral_38": 38, "timbral_67": 67}
"""Filters that look at 7 frames of so many mel bands, wherever on the frequency axis they fit."""

TEMPORAL = {"temporal_128": 128, "temporal_64": 64, "temporal_32": 32}
"""Filters that look at one mel band for so many frames."""

TIMBRAL_FILTERS, TEMPORAL_FILTERS, DENSE_FILTERS = 204, 51, 64
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

NORMALISATION_EPSILON = 1e-3
_BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")


def build() -> keras.Model:
    """The untrained trunk: (windows, WINDOW_FRAMES, MEL_BANDS) -> {"tags", "tag_logits", "embedding"}."""
    import keras
    from keras import layers

    spectrogram = keras.Input((WINDOW_FRAMES, MEL_BANDS), name="log_mel")
    image = layers.Reshape((WINDOW_FRAMES, MEL_BANDS, 1))(spectrogram)
    image = _normalisation("input")(image)
    heard = [_pooled_filters(image, name, (7, bands), TIMBRAL_FILTERS) for name, bands in TIMBRAL.items()]
    heard += [
        _pooled_filters(image, name, (frames, 1), TEMPORAL_FILTERS) for name, frames in TEMPORAL.items()
    ]
    front = layers.Concatenate(name="front")(heard)
    first = _dense_convolution(front, "middle_1")
    second = layers.Add()([_dense_convolution(first, "middle_2"), first])
    third = layers.Add()([_dense_convolution(second, "middle_3"), second])
    series = layers.Concatenate()([front, first, second, third])
    pooled = layers.Concatenate()(
        [layers.GlobalMaxPooling1D()(series), layers.GlobalAveragePooling1D()(series)]
    )
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


def _pooled_filters(image: Any, name: str, size: tuple[int, int], filters: int) -> Any:
    """Filters over the spectrogram, the strongest answer over frequency, then bias, ReLU and normalisation."""
    from keras import layers

    if size[1] > 1:
        # Padding time alone, as published: in frequency a filter must lie wholly inside.
        image = layers.ZeroPadding2D((size[0] // 2, 0), name=f"{name}_padding")(image)
    padding = "valid" if size[1] > 1 else "same"
    answers = layers.Conv2D(filters, size, padding=padding, use_bias=False, name=name)(image)
    strongest = layers.MaxPooling2D((1, MEL_BANDS - size[1] + 1), name=f"{name}_strongest")(answers)
    strongest = layers.Reshape((WINDOW_FRAMES, filters))(strongest)
    biased = _normalisation(f"{name}_bias")(strongest)
    return _normalisation(f"{name}_normalised")(layers.ReLU()(biased))


def _dense_convolution(series: Any, name: str) -> Any:
    from keras import layers

    answers = layers.Conv1D(DENSE_FILTERS, 7, padding="same", activation="relu", name=name)(series)
    return _normalisation(f"{name}_normalised")(answers)


def set_precision(model: keras.Model, policy: str) -> None:
    """Run the convolutions over the spectrogram as `policy` says ("mixed_bfloat16" or "float32")."""
    for name in (*TIMBRAL, *TEMPORAL):
        for layer in (model.get_layer(name), model.get_layer(f"{name}_strongest")):
            layer.dtype_policy = policy


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware; elsewhere it would be emulated, and slower."""
    try:
        return any(flag in Path("/proc/cpuinfo").read_text().split() for flag in _BFLOAT16_FLAGS)
    except OSError:
        return False
