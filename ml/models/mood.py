"""The mood of a song: a label such as calm or exciting, and its arousal (0 to 1).

The model is linear in the tag logits of the trunk and in the motion of the song, so it costs next to nothing once the
trunk has run. A library stores both inputs: another mood model is applied to it without decoding the songs again.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ml.features import motion
from ml.features.arrays import Floats
from ml.models import trunk
from ml.models.card import MOOD_WEIGHTS, Card, WeightError, load_card
from ml.report.schema import Mood

CALM, EXCITING = "calm", "exciting"
TAG_LOGITS = slice(len(trunk.TAGS), 2 * len(trunk.TAGS))
"""The part of a trunk output that predicts mood. With the embedding as well, whole genres get the wrong mood."""
INPUTS = len(trunk.TAGS) + len(motion.MEASURES)
_ARRAYS = ("weights", "bias", "arousal_weights", "arousal_bias")


class UnusableMoodError(WeightError):
    code = "mood_weights_unusable"
    sentence = "The weight file {file} holds no mood model. Train it again with python -m ml.train --task mood."


@dataclass(frozen=True)
class MoodModel:
    """`weights` (INPUTS, labels) and `bias` (labels,) give scores of labels; the other two give log-odds of arousal."""

    card: Card
    sha256: str
    weights: Floats
    bias: Floats
    arousal_weights: Floats
    arousal_bias: Floats

    @classmethod
    def load(cls, path: Path | None = None) -> MoodModel:
        """Load a weight file whose hash matches its card. It holds plain numbers and no code."""
        path = path or MOOD_WEIGHTS
        card = load_card(path)
        shapes = ((INPUTS, len(card.labels)), (len(card.labels),), (INPUTS,), ())
        try:
            # From memory, because NumPy does not close a file that is no archive.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                arrays = [archive[name].astype(np.float32) for name in _ARRAYS]
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, BadZipFile) as error:
            raise UnusableMoodError(file=path.name) from error
        if any(a.shape != shape or not np.isfinite(a).all() for a, shape in zip(arrays, shapes, strict=True)):
            raise UnusableMoodError(file=path.name)
        return cls(card, card.sha256[path.name], *arrays)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.card.labels

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **{name: getattr(self, name) for name in _ARRAYS})

    def predict(self, trunk_output: Floats, song_motion: Floats) -> Mood:
        """The mood of a mean trunk output (TRUNK_OUTPUT_SIZE,) and the motion of the song (MEASURES,)."""
        rows = inputs(trunk_output[None], song_motion[None])
        scores = rows @ self.weights + self.bias
        return Mood(self.labels[int(scores[0].argmax())], round(float(self._arousal(rows)[0]), 4))

    def arousal(self, trunk_output: Floats, song_motion: Floats) -> tuple[float, ...]:
        """Arousal of each row of trunk outputs (rows, TRUNK_OUTPUT_SIZE) and motion (rows, MEASURES)."""
        return tuple(round(float(value), 4) for value in self._arousal(inputs(trunk_output, song_motion)))

    def _arousal(self, rows: Floats) -> Floats:
        return sigmoid(rows @ self.arousal_weights + self.arousal_bias)


def inputs(trunk_output: Floats, song_motion: Floats) -> Floats:
    """(rows, INPUTS) of trunk outputs (rows, TRUNK_OUTPUT_SIZE) and motion (rows, MEASURES)."""
    return np.concatenate([trunk_output[:, TAG_LOGITS], song_motion], axis=1).astype(np.float32)


def sigmoid(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))), np.float32)
