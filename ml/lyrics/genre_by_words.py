"""The genre that a text suggests: one model per language, and its combination with the genre of the sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ml.features.arrays import Floats
from ml.lyrics.text import fusion
from ml.lyrics.text.network import TextNetwork, is_text_network
from ml.lyrics.text.tfidf import TfidfModel
from ml.lyrics.text.tokens import ENGLISH, KOREAN, find_language, words
from ml.models.card import Card
from ml.paths import WEIGHT_FOLDER
from ml.report.schema import Genre, Score

SHIPPED = {ENGLISH: "lyrics-en.npz", KOREAN: "lyrics-ko.npz"}
LEAST_WORDS = 20
"""Fewer known words suggest no genre."""
PRIOR = "prior "
"""Beginning of the settings that hold a label's probability before any word."""


class TextModel(Protocol):
    """What the models of this package have in common."""

    @property
    def card(self) -> Card: ...

    def known_words(self, found: list[str]) -> int: ...

    def probabilities(self, found: list[str], bpm: float | None = None) -> Floats: ...


@dataclass(frozen=True)
class WordsModel:
    models: dict[str, TextModel]
    """By language."""

    @classmethod
    def load(cls, *, text_model: str, models_folder: Path, weights_folder: Path = WEIGHT_FOLDER) -> WordsModel:
        """The shipped models; for its language, the one in the folder `text_model` if it was trained on genres.

        text_model: a folder that `python -m ml.train --task lyrics` wrote, or its name inside `models_folder`. A
        pretrained text model alone says no genres, so its name leaves the shipped models in place.
        """
        models: dict[str, TextModel] = {
            language: TfidfModel.load(weights_folder / name)
            for language, name in SHIPPED.items()
            if (weights_folder / name).exists()
        }
        for folder in (Path(text_model), models_folder / text_model) if text_model else ():
            if trained := load_trained(folder):
                return cls(models | {str(trained.card.data.get("language", ENGLISH)): trained})
        return cls(models)

    def genre(self, text: str, bpm: float | None) -> Genre | None:
        """None: no model for this language, or fewer than `LEAST_WORDS` known words."""
        found = words(text)
        model = self.models.get(find_language(found) or "")
        if model is None or model.known_words(found) < LEAST_WORDS:
            return None
        probabilities = model.probabilities(found, bpm)
        labels, least = model.card.labels, model.card.settings["least_probability"]
        order = np.argsort(-probabilities, kind="stable")
        scores = tuple(Score(labels[i], float(probabilities[i])) for i in order)
        return Genre(scores[0].label, scores[0].probability >= least, scores)

    def combine(self, sound: Genre, words: Genre, words_confidence: float) -> Genre | None:
        """The genre by sound and words, over the labels of the sound; None if `words` come from a model whose genres
        are others, or whose weight against the sound was never fitted."""
        labels = {score.label for score in words.scores}
        card = next((model.card for model in self.models.values() if set(model.card.labels) == labels), None)
        if card is None or "fusion_weight" not in card.settings:
            return None
        priors = {name.removeprefix(PRIOR): p for name, p in card.settings.items() if name.startswith(PRIOR)}
        weight = card.settings["fusion_weight"]
        return fusion.combine(sound, words, priors=priors, weight=weight, confidence=words_confidence)


def load_trained(folder: Path) -> TextModel | None:
    """The model in a folder that training wrote; None if there is none."""
    if (folder / "lyrics.npz").is_file():
        return TfidfModel.load(folder / "lyrics.npz")
    return TextNetwork.load(folder) if is_text_network(folder) else None
