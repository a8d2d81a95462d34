"""What the trained model says of a song: genres, tags and embedding from its windows in one pass.

The weight file holds two networks. The trunk hears each window as *evidence* (50 tag probabilities, their logits, a
200-number embedding); the head judges the mean evidence of any stretch, a whole song or a few windows.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
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

TRUNK_OUTPUT_SIZE = 2 * len(trunk.TAGS) + trunk.EMBEDDING_SIZE
BY_TAGS = slice(0, 2 * len(trunk.TAGS))
"""The part of the evidence that a published taggram also gives: probabilities and logits of the tags."""
EMBEDDING = slice(2 * len(trunk.TAGS), TRUNK_OUTPUT_SIZE)

WINDOWS_PER_CALL = 1
"""More at a time is no faster, as each thread has its own window, and takes 300 MB more."""

WINDOW_SECONDS = WINDOW_FRAMES * HOP_SIZE / SAMPLE_RATE
_SMOOTHING_REACH = 3.0
"""Windows within which neighbours count in the timeline, the less the further: about nine seconds, every three."""

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
        """Read a weight file whose hash its card confirms. Seconds, because TensorFlow is imported here."""
        path = weights or GENRE_WEIGHTS
        card = load_card(path)
        model = _read_model(path)
        bands = BandStatistics.load(path.with_name(BANDS_NAME))
        return cls(model, card, bands, Model(card.name, card.version, card.sha256[path.name]))

    @property
    def trunk_version(self) -> str:
        """Fingerprint of what hears, trunk and bands. Whatever a head says of it, the evidence is the same."""
        digest = hashlib.sha256(self.bands.mean.tobytes() + self.bands.covariance.tobytes())
        for weights in self.model.trunk.get_weights():
            digest.update(np.ascontiguousarray(weights).tobytes())
        return digest.hexdigest()

    @property
    def labels(self) -> tuple[str, ...]:
        return self.card.labels

    def run_trunk(self, windows: Floats, executor: Executor) -> Floats:
        """Evidence (windows, EVIDENCE_SIZE) of windows (windows, WINDOW_FRAMES, MEL_BANDS)."""
        calls = [
            windows[start : start + WINDOWS_PER_CALL] for start in range(0, len(windows), WINDOWS_PER_CALL)
        ]
        return np.concatenate(list(executor.map(self._run_trunk_call, calls)))

    def _run_trunk_call(self, windows: Floats) -> Floats:
        trunk_output: Floats = self.model.run_trunk(windows).numpy()
        return trunk_output

    def predict(self, trunk_output: Floats) -> Floats:
        """Calibrated probabilities (stretches, labels) of mean evidence (stretches, EVIDENCE_SIZE)."""
        probabilities: Floats = self.model.predict(trunk_output).numpy()
        return probabilities

    def genre(self, probabilities: Floats, music: Musicality) -> Genre:
        order = np.argsort(-probabilities, kind="stable")
        scores = tuple(Score(self.labels[i], float(probabilities[i])) for i in order)
        return Genre(scores[0].label, self.is_confident(scores[0].probability, music), scores)

    def is_confident(self, best: float, music: Musicality) -> bool:
        """Whether the song is like one of the genres: one of them stands out, and it sounds like music."""
        limits = self.card.settings
        return (
            best >= limits["least_probability"]
            and music.pauses <= limits["most_pauses"]
            and music.peakiness >= limits["least_peakiness"]
            and music.spread >= limits["least_spread"]
        )

    def predict_song(self, track: Track, trunk_output: Floats) -> Floats:
        """Probabilities (labels,) of a whole song; a model that hears with other means looks at the `track`."""
        found: Floats = self.predict(trunk_output.mean(axis=0)[None])[0]
        return found

    def predict_timeline(self, track: Track, trunk_output: Floats) -> Floats:
        """Probabilities (windows, labels) along the song."""
        return self.predict(smooth(trunk_output))

    def timeline(self, track: Track, trunk_output: Floats, duration_seconds: float) -> tuple[Moment, ...]:
        """A judgement every three seconds, each of a window and its neighbours."""
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
            heard = trunk_network(windows, training=False)
            return tf.concat([heard["tags"], heard["tag_logits"], heard["embedding"]], axis=1)

        windows = tf.TensorSpec([None, WINDOW_FRAMES, MEL_BANDS], tf.float32)
        trunk_output = tf.TensorSpec([None, TRUNK_OUTPUT_SIZE], tf.float32)
        # Nothing here needs AutoGraph, which leaves files behind where a process is killed, as the crew's are.
        self.run_trunk = tf.function(run_trunk, input_signature=[windows], autograph=False)
        self.predict = tf.function(
            lambda rows: head(rows, training=False), input_signature=[trunk_output], autograph=False
        )


def _read_model(path: Path) -> CompiledNetworks:
    start_tensorflow()
    import keras

    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        return CompiledNetworks(model.get_layer("trunk"), model.get_layer("head"))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UnusableWeightsError(file=path.name) from error


def start_tensorflow() -> None:
    """Import it without its greetings, and leave the cores to our own threads.

    They also decode, count beats and find the key meanwhile. TensorFlow greets before its log settings apply, so
    the error stream is closed for the moment of the import; what goes wrong is raised as an exception all the same.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with _silenced(2):
        import tensorflow as tf
    with contextlib.suppress(
        RuntimeError
    ):  # it has run already in this process, and keeps the threads that it has
        tf.config.threading.set_intra_op_parallelism_threads(1)


@contextlib.contextmanager
def _silenced(descriptor: int) -> Iterator[None]:
    kept = os.dup(descriptor)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, descriptor)
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(nowhere)


def smooth(trunk_output: Floats) -> Floats:
    """Weighted mean over neighbouring rows; at the ends over those that are there."""
    apart = np.abs(np.subtract.outer(np.arange(len(trunk_output)), np.arange(len(trunk_output))))
    shares = np.maximum(0.0, _SMOOTHING_REACH - apart)
    smoothed: Floats = (shares @ trunk_output / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    return smoothed


def top_tags(trunk_output: Floats) -> tuple[Score, ...]:
    """The likeliest tags of mean evidence (EVIDENCE_SIZE,), those worth showing."""
    probabilities: Sequence[float] = trunk_output[: len(trunk.TAGS)].tolist()
    ranked = sorted(zip(trunk.TAGS, probabilities, strict=True), key=lambda pair: -pair[1])
    return tuple(Score(tag, value) for tag, value in ranked[:TAGS_SHOWN] if value >= TAG_THRESHOLD)
