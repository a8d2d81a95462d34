"""Sound and words together, on tracks of GTZAN paired with texts of their genre by other people."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ml.evaluate.lyrics.words import Texts, predict_before_refit, predict_shipped
from ml.features.arrays import Reals
from ml.lyrics.genre_by_words import PRIOR
from ml.models.genre import GenreModel
from ml.models.head import disassemble, tag_output
from ml.models.logit import softmax
from ml.report.progress import show_progress
from ml.train.data.corpus import read_taggrams
from ml.train.genre.recipe import temperature
from ml.train.lyrics.sound import Pairs, Sound, cross_predict, make_pairs
from ml.train.lyrics.tfidf import truth_of
from ml.train.metrics import Figures, share


def measure(texts: Texts, shared: Path) -> Figures:
    """Accuracy of sound, words and both, on validation and test pairs; the weight is the one of the shipped card."""
    show_progress("sound and words together\n")
    card, divided = texts.shipped.card, texts.divided
    weight = card.settings["fusion_weight"]
    priors = {label: card.settings[f"{PRIOR}{label}"] for label in card.labels}
    seed = int(card.data["seed"])
    model = GenreModel.load()
    valid_words = _calibrated(predict_before_refit(texts, divided.valid), texts)
    sides = {
        "valid": make_pairs(cross_predict(shared, model.labels), divided.valid, valid_words, priors, seed=seed),
        "test": make_pairs(
            predict_test(model, shared), divided.test, predict_shipped(texts, divided.test), priors, seed=seed
        ),
    }
    return {"weight": weight, **{side: _figures(pairs, weight) for side, pairs in sides.items()}}


def _calibrated(scores: Reals, texts: Texts) -> Reals:
    truth = truth_of(texts.divided.valid, texts.labels)
    return softmax(np.asarray(scores * np.float32(temperature(np.asarray(scores, np.float32), truth)), np.float32))


def predict_test(model: GenreModel, shared: Path) -> Sound:
    """The shipped genre model on the published taggrams of the test split."""
    examples = read_taggrams(shared, "test")
    outputs = np.array([tag_output(np.asarray(example.taggram)) for example in examples], np.float32)
    head = disassemble(model.model.head, model.card.settings["tags_alone"])
    truth = np.array([model.labels.index(example.label) for example in examples], np.int64)
    return Sound(model.labels, truth, softmax(head.scores_by_tags(outputs)))


def _figures(pairs: Pairs, weight: float) -> Figures:
    """Over all pairs, over those whose genre the words know, and over the others."""
    truth = pairs.sound.truth
    answers = {
        "sound": pairs.sound.probabilities.argmax(axis=1),
        "words": np.nan_to_num(pairs.words, nan=-1.0).argmax(axis=1),
        "fused": pairs.fused(weight).argmax(axis=1),
    }
    parts = {"all": np.ones(len(truth), bool), "shared": pairs.is_shared, "others": ~pairs.is_shared}
    return {
        part: {name: share((answer == truth)[use]) for name, answer in answers.items()} for part, use in parts.items()
    }
