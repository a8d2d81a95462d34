"""The genre model: one weight file with two networks, the trunk and the head.

The trunk maps each window to a *trunk output*: 50 tag probabilities, their logits and an embedding of 200 numbers. The
head maps the mean trunk output of a whole song, or of a few windows, to genre probabilities.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.features.bands import BandStatistics
from ml.features.mel import HOP_SIZE, MEL_BANDS, WINDOW_FRAMES
from ml.features.musicality import Musicality
from ml.features.track import Track
from ml.models import trunk
from ml.models.card import GENRE_WEIGHTS, Card, WeightError, load_card
from ml.report.schema import Genre, Model, Moment, Score

BANDS_NAME = "bands.npz"

WINDOW_SECONDS = WINDOW_FRAMES * HOP_SIZE / SAMPLE_RATE
_SMOOTHING_REACH = 3.0
"""Width of the triangular smoothing of the timeline, in windows: about nine seconds to either side."""

TAGS_SHOWN = 5
TAG_THRESHOLD = 0.1


class UnusableWeightsError(WeightError):
    code = "weights_unusable"
    sentence = "The weight file {file} holds another kind of model. Train it again with python -m ml.train."


@dataclass(frozen=True)
class GenreModel:
    model: Any
    card: Card
    bands: BandStatistics
    identity: Model

    @classmethod
    def load(cls, weights: Path | None = None) -> GenreModel:
        """Load a weight file whose hash matches its card. Takes seconds, because it imports TensorFlow."""
        path = weights or GENRE_WEIGHTS
        card = load_card(path)
        try:
            network = load_keras(path, UnusableWeightsError)
            networks = CompiledNetworks(network.get_layer("trunk"), network.get_layer("head"))
        except ValueError as error:
            raise UnusableWeightsError(file=path.name) from error
        bands = BandStatistics.load(path.with_name(BANDS_NAME))
        return cls(networks, card, bands, Model(card.name, card.version, card.sha256[path.name]))

    @property
    def trunk_version(self) -> str:
        """Hash of the trunk and the band statistics. Equal versions give equal trunk outputs, whatever the head."""
        digest = hashlib.sha256(self.bands.mean.tobytes() + self.bands.covariance.tobytes())
        for weights in self.model.trunk.get_weights():
            digest.update(np.ascontiguousarray(weights).tobytes())
        return digest.hexdigest()

    @property
    def labels(self) -> tuple[str, ...]:
        return self.card.labels

    def run_trunk(self, windows: Floats, executor: Executor) -> Floats:
        """(windows, WINDOW_FRAMES, MEL_BANDS) -> (windows, TRUNK_OUTPUT_SIZE).

        Each call has one window: more are no faster, as every thread has its own, and take 300 MB more.
        """
        return np.concatenate([*map(np.asarray, executor.map(self.model.run_trunk, windows[:, None]))])

    def predict(self, trunk_output: Floats) -> Floats:
        """Mean trunk outputs (rows, TRUNK_OUTPUT_SIZE) -> calibrated probabilities (rows, labels)."""
        return np.asarray(self.model.predict(trunk_output), np.float32)

    def genre(self, probabilities: Floats, musicality: Musicality) -> Genre:
        order = np.argsort(-probabilities, kind="stable")
        scores = tuple(Score(self.labels[i], float(probabilities[i])) for i in order)
        return Genre(scores[0].label, self.is_confident(scores[0].probability, musicality), scores)

    def is_confident(self, best: float, musicality: Musicality) -> bool:
        """Whether the highest probability is high enough and the song is music at all."""
        limits = self.card.settings
        return (
            best >= limits["least_probability"]
            and musicality.pauses <= limits["most_pauses"]
            and musicality.peakiness >= limits["least_peakiness"]
            and musicality.spread >= limits["least_spread"]
        )

    def predict_song(self, track: Track, trunk_output: Floats) -> Floats:
        """Probabilities (labels,) of a whole song. A model without a trunk of its own uses the `track` instead."""
        return np.asarray(self.predict(trunk_output.mean(axis=0)[None])[0])

    def predict_timeline(self, track: Track, trunk_output: Floats) -> Floats:
        """Probabilities (windows, labels) along the song."""
        return self.predict(smooth(trunk_output))

    def timeline(self, track: Track, trunk_output: Floats, duration_seconds: float) -> tuple[Moment, ...]:
        """Scores of each window, smoothed over its neighbours."""
        starts = np.arange(len(trunk_output)) * WINDOW_SECONDS
        ends = np.minimum(starts + WINDOW_SECONDS, duration_seconds)
        ends[-1] = duration_seconds
        predicted = self.predict_timeline(track, trunk_output)
        return tuple(
            Moment(round(float(start), 3), round(float(end), 3), tuple(map(float, row)))
            for start, end, row in zip(starts, ends, predicted, strict=True)
        )


class CompiledNetworks:
    """The trunk and the head of one weight file, compiled for calls from several threads."""

    def __init__(self, trunk_network: Any, head: Any) -> None:
        import tensorflow as tf

        self.trunk, self.head = trunk_network, head

        def run_trunk(windows: Any) -> Any:
            outputs = trunk_network(windows, training=False)
            return tf.concat([outputs["tags"], outputs["tag_logits"], outputs["embedding"]], axis=1)

        windows = tf.TensorSpec([None, WINDOW_FRAMES, MEL_BANDS], tf.float32)
        trunk_output = tf.TensorSpec([None, trunk.TRUNK_OUTPUT_SIZE], tf.float32)
        # Without AutoGraph, which is not needed here and leaves files behind when a process is killed.
        self.run_trunk = tf.function(run_trunk, input_signature=[windows], autograph=False)
        self.predict = tf.function(
            lambda rows: head(rows, training=False), input_signature=[trunk_output], autograph=False
        )


def load_keras(path: Path, refusal: type[WeightError]) -> Any:
    """A saved Keras model, with safe mode on, or `refusal` where the file holds none."""
    start_tensorflow()
    import keras

    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise refusal(file=path.name) from error


def start_tensorflow() -> None:
    """Import TensorFlow silently, with one thread per operation.

    Our own threads run one window each, and decode or compute other features meanwhile. TensorFlow logs before its log
    settings apply, so stderr is closed during the import; errors are raised as exceptions all the same.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with _silenced(2):
        import tensorflow as tf
    with contextlib.suppress(RuntimeError):  # has run in this process before: the number of threads is fixed
        tf.config.threading.set_intra_op_parallelism_threads(1)


@contextlib.contextmanager
def _silenced(descriptor: int) -> Iterator[None]:
    original = os.dup(descriptor)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, descriptor)
        yield
    finally:
        os.dup2(original, descriptor)
        os.close(original)
        os.close(null)


def smooth(rows: Floats) -> Floats:
    """(windows, n): triangular weighted mean over neighbouring windows, at the ends over those that exist."""
    distance = np.abs(np.subtract.outer(np.arange(len(rows)), np.arange(len(rows))))
    weights = np.maximum(0.0, _SMOOTHING_REACH - distance)
    return np.asarray(weights @ rows / weights.sum(axis=1, keepdims=True), np.float32)


def top_tags(trunk_output: Floats) -> tuple[Score, ...]:
    """The most probable tags of a mean trunk output (TRUNK_OUTPUT_SIZE,), up to TAGS_SHOWN above TAG_THRESHOLD."""
    probabilities = trunk_output[: len(trunk.TAGS)].tolist()
    ranked = sorted(zip(trunk.TAGS, probabilities, strict=True), key=lambda pair: -pair[1])
    return tuple(Score(tag, value) for tag, value in ranked[:TAGS_SHOWN] if value >= TAG_THRESHOLD)
