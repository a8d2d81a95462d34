"""The head: mean trunk output to calibrated genre probabilities. Two linear layers, added and scaled.

The layer that uses the tags alone can also classify published taggrams, which come without an embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.features.arrays import Floats
from ml.features.mel import MEL_BANDS, WINDOW_FRAMES
from ml.models.trunk import BY_TAGS, EMBEDDING, TRUNK_OUTPUT_SIZE

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Linear:
    """scores = rows @ weights + bias, for rows (n, size) and weights (size, labels)."""

    weights: Floats
    bias: Floats

    def __call__(self, trunk_output: Floats) -> Floats:
        return trunk_output @ self.weights + self.bias

    def scaled(self, factor: float) -> Linear:
        return Linear(self.weights * np.float32(factor), self.bias * np.float32(factor))


@dataclass(frozen=True)
class Head:
    by_tags: Linear
    by_embedding: Linear
    tags_alone: float
    """Factor that calibrates the scores of `by_tags` without those of `by_embedding`."""

    def scores(self, trunk_output: Floats) -> Floats:
        return self.by_tags(trunk_output[:, BY_TAGS]) + self.by_embedding(trunk_output[:, EMBEDDING])

    def scores_by_tags(self, tag_output: Floats) -> Floats:
        return self.tags_alone * self.by_tags(tag_output)


def assemble(trunk_network: keras.Model, head: Head) -> keras.Model:
    """One network: log-mel windows -> {"genre", "tags", "embedding"}, with sub-networks "trunk" and "head"."""
    import keras
    from keras import layers

    trunk_output = keras.Input((TRUNK_OUTPUT_SIZE,), name="trunk_output")
    size = len(head.by_tags.bias)
    parts = [
        layers.Dense(size, name="by_tags")(trunk_output[:, BY_TAGS]),
        layers.Dense(size, name="by_embedding")(trunk_output[:, EMBEDDING]),
    ]
    predicted = layers.Softmax(name="genre")(layers.Add()(parts))
    head_network = keras.Model(trunk_output, predicted, name="head")
    for name, linear in (("by_tags", head.by_tags), ("by_embedding", head.by_embedding)):
        head_network.get_layer(name).set_weights([linear.weights, linear.bias])
    windows = keras.Input((WINDOW_FRAMES, MEL_BANDS), name="log_mel")
    outputs = trunk_network(windows)
    joined = layers.Concatenate(name="joined")([outputs["tags"], outputs["tag_logits"], outputs["embedding"]])
    answers = {"genre": head_network(joined), "tags": outputs["tags"], "embedding": outputs["embedding"]}
    return keras.Model(windows, answers, name="genre")


def disassemble(network: keras.Model, tags_alone: float) -> Head:
    """The reverse of `assemble`, from the sub-network "head"."""
    layers = (network.get_layer(name).get_weights() for name in ("by_tags", "by_embedding"))
    by_tags, by_embedding = (Linear(*weights) for weights in layers)
    return Head(by_tags, by_embedding, tags_alone)


def tag_output(probabilities: Floats) -> Floats:
    """The tag part of a mean trunk output (2 * tags,), from a taggram (windows, tags)."""
    clipped = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return np.concatenate([probabilities.mean(axis=0), np.log(clipped / (1 - clipped)).mean(axis=0)])
