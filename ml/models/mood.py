"""The mood of a song: a name such as calm or exciting, and how stirring it is (arousal, 0 to 1).

Linear in the logits of the trunk's tags and in how much the music moves, so it costs nothing beside the trunk, which
has run for the genre. Both are kept by a library: another mood head judges a song again without hearing it.
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
"""The part of the evidence that mood is judged by; with the embedding as well, whole genres are misjudged."""
INPUTS = len(trunk.TAGS) + len(motion.MEASURES)


class UnusableMoodError(WeightError):
    code = "mood_weights_unusable"
    sentence = (
        "The weight file {file} holds no mood model. Train it again with python -m ml.train --task mood."
    )


@dataclass(frozen=True)
class MoodModel:
    """`weights` (INPUTS, labels) and `bias` (labels,) score the moods; the other two give the arousal's log-odds."""

    card: Card
    sha256: str
    weights: Floats
    bias: Floats
    arousal_weights: Floats
    arousal_bias: Floats

    @classmethod
    def load(cls, path: Path | None = None) -> MoodModel:
        """Read a weight file whose hash its card confirms; plain numbers, nothing in it can run."""
        path = path or MOOD_WEIGHTS
        card = load_card(path)
        shapes = {
            "weights": (INPUTS, len(card.labels)),
            "bias": (len(card.labels),),
            "arousal_weights": (INPUTS,),
            "arousal_bias": (),
        }
        try:
            # From memory, as NumPy leaves a file open that is no archive.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
                arrays = {name: kept[name].astype(np.float32) for name in shapes}
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, BadZipFile) as error:
            raise UnusableMoodError(file=path.name) from error
        if any(
            arrays[name].shape != shape or not np.isfinite(arrays[name]).all()
            for name, shape in shapes.items()
        ):
            raise UnusableMoodError(file=path.name)
        return cls(card, card.sha256[path.name], **arrays)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.card.labels

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                weights=self.weights,
                bias=self.bias,
                arousal_weights=self.arousal_weights,
                arousal_bias=self.arousal_bias,
            )

    def predict(self, trunk_output: Floats, moved: Floats) -> Mood:
        """The mood of mean evidence (EVIDENCE_SIZE,) and of the song's motion (MEASURES,)."""
        given = inputs(trunk_output[None], moved[None])
        scores = given @ self.weights + self.bias
        return Mood(self.labels[int(scores[0].argmax())], round(float(self._arousal(given)[0]), 4))

    def arousal(self, trunk_output: Floats, moved: Floats) -> tuple[float, ...]:
        """Arousal of each row of evidence (rows, EVIDENCE_SIZE) and motion (rows, MEASURES)."""
        return tuple(round(float(value), 4) for value in self._arousal(inputs(trunk_output, moved)))

    def _arousal(self, given: Floats) -> Floats:
        return sigmoid(given @ self.arousal_weights + self.arousal_bias)


def inputs(trunk_output: Floats, moved: Floats) -> Floats:
    """What mood is judged by, (rows, INPUTS), of evidence (rows, EVIDENCE_SIZE) and motion (rows, MEASURES)."""
    return np.concatenate([trunk_output[:, TAG_LOGITS], moved], axis=1).astype(np.float32)


def sigmoid(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))), np.float32)
