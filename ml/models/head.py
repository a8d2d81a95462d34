"""The head: from mean evidence to calibrated genre probabilities. Two linear judgements, added and brought to scale.

The part that looks at tags alone can also judge published taggrams, which come without an embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.features.arrays import Floats
from ml.features.mel import MEL_BANDS, WINDOW_FRAMES
from ml.models.genre import BY_TAGS, EMBEDDING, TRUNK_OUTPUT_SIZE

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Linear:
    """scores = evidence @ weights + bias, for (rows, size) evidence and (size, labels) weights."""

    weights: Floats
    bias: Floats

    def __call__(self, trunk_output: Floats) -> Floats:
        scores: Floats = trunk_output @ self.weights + self.bias
        return scores

    def scaled(self, factor: float) -> Linear:
        return Linear(self.weights * np.float32(factor), self.bias * np.float32(factor))


@dataclass(frozen=True)
class Head:
    by_tags: Linear
    by_embedding: Linear
    tags_alone: float
    """Factor that brings the judgement by tags alone to calibrated scale."""

    def scores(self, trunk_output: Floats) -> Floats:
        return self.by_tags(trunk_output[:, BY_TAGS]) + self.by_embedding(trunk_output[:, EMBEDDING])

    def scores_by_tags(self, tag_output: Floats) -> Floats:
        scores: Floats = self.tags_alone * self.by_tags(tag_output)
        return scores


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
    heard = trunk_network(windows)
    joined = layers.Concatenate(name="joined")([heard["tags"], heard["tag_logits"], heard["embedding"]])
    outputs = {"genre": head_network(joined), "tags": heard["tags"], "embedding": heard["embedding"]}
    return keras.Model(windows, outputs, name="genre")


def disassemble(network: keras.Model, tags_alone: float) -> Head:
    """The numbers of a weight file's sub-network "head": they can also judge published taggrams."""
    by_tags, by_embedding = (
        Linear(*network.get_layer(name).get_weights()) for name in ("by_tags", "by_embedding")
    )
    return Head(by_tags, by_embedding, tags_alone)


def tag_output(probabilities: Floats) -> Floats:
    """Mean evidence by tags (2 * tags,) of a taggram (windows, tags)."""
    clipped = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return np.concatenate([probabilities.mean(axis=0), np.log(clipped / (1 - clipped)).mean(axis=0)])
