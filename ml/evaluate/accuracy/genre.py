"""The genre on songs that the model never met: the fault-filtered test split, or, to rehearse, cross-validation.

The test split is for published models alone: whoever looks at it while choosing fits the model to it, with his eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.audio.loading import from_samples
from ml.audio.settings import SAMPLE_RATE
from ml.evaluate.accuracy import noises
from ml.evaluate.accuracy.songs import CrossPredicted, Predictor, Songs
from ml.evaluate.figures import Figures, Judgement, by_label, confused, overall, rounded, share
from ml.features.arrays import Reals
from ml.models.genre import BY_TAGS
from ml.models.logit import softmax
from ml.train import metrics
from ml.train.data import corpus
from ml.train.data.corpus import Example
from ml.train.genre.trunk_outputs import Row


@dataclass(frozen=True)
class Examined:
    """`by_taggram`: whole tracks by their published taggrams. `end_to_end`: clips from the file to the answer."""

    by_taggram: Judgement
    end_to_end: Judgement
    clips: list[Example]
    """Those that `end_to_end` judges."""


def examine_test(predictor: Predictor, songs: Songs) -> Examined:
    """Two looks at the test split, by the model as it is shipped."""
    taggrams, heard = predictor.rows(songs.test_taggrams), predictor.rows(songs.test_clips)
    return Examined(
        Judgement(predictor.labels, predictor.truth(taggrams), _by_tags(predictor, taggrams)),
        Judgement(predictor.labels, predictor.truth(heard), predictor.predict(heard)),
        [row.example for row in heard],
    )


def examine_valid(predictor: Predictor, crossed: CrossPredicted) -> Examined:
    """The same figures without the test split: training taggrams and validation clips, cross-validated by artist."""
    valid = np.array([row.example.split == "valid" for row in crossed.rows])
    taggrams = crossed.held & crossed.table.is_taggram
    clips = crossed.held & ~crossed.table.is_taggram & valid
    return Examined(
        crossed.prediction(predictor.labels, crossed.taggrams, taggrams),
        crossed.prediction(predictor.labels, crossed.clips, clips),
        [row.example for row, use in zip(crossed.rows, clips, strict=True) if use],
    )


def describe(examined: Examined) -> Figures:
    tagged = examined.by_taggram
    confidence, accuracy, counts = metrics.calibration_curve(tagged.probabilities, tagged.truth)
    return {
        "labels": list(tagged.labels),
        "fault_filtered": overall(tagged),
        "ece": overall(tagged)["ece"],
        "by_label": by_label(tagged),
        "confusion": confused(tagged),
        "calibration": [
            {"confidence": rounded(c), "accuracy": rounded(a), "n": int(n)}
            for c, a, n in zip(confidence, accuracy, counts, strict=True)
        ],
        "end_to_end": overall(examined.end_to_end) | {"by_label": by_label(examined.end_to_end)},
    }


def confidence(predictor: Predictor, songs: Songs, examined: Examined, shared: Path) -> Figures:
    """How often the model is confident: of songs it can know, and of what is none of its genres."""
    predicted = examined.end_to_end
    best = predicted.probabilities.max(axis=1)
    sure = [predictor.confident(clip, value) for clip, value in zip(examined.clips, best, strict=True)]
    mask = np.array(sure, bool)
    made = [predictor.predict_audio(from_samples(sound, SAMPLE_RATE)) for sound in noises.make().values()]
    return {
        "songs": _rate(sure),
        "accuracy_when_confident": share(predicted.correct[mask]),
        "accuracy_otherwise": share(predicted.correct[~mask]),
        "speech": _of_files(predictor, corpus.read_speech(shared)),
        "noise_and_tones": _rate([sure for _, sure in made]),
        "strange_style": _of_files(predictor, [example.audio for example in songs.strange_style]),
    }


def _of_files(predictor: Predictor, files: Sequence[Path]) -> Figures:
    heard = [predictor.predict_file(file) for file in files]
    return _rate([found[1] for found in heard if found is not None])


def _rate(sure: Sequence[bool]) -> Figures:
    return share(np.array(sure, bool), key="rate")


def _by_tags(predictor: Predictor, rows: Sequence[Row]) -> Reals:
    trunk_output = np.array([row.trunk_output for row in rows], np.float32)
    return softmax(predictor.head.scores_by_tags(trunk_output[:, BY_TAGS]))
