"""The model under examination, and the songs it is examined on.

What the trunk hears is kept in the cache that training uses too, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.audio.loading import Audio, load
from ml.evaluate.figures import Judgement
from ml.features import mel, musicality
from ml.features.arrays import Floats, Integers, Mask, Reals
from ml.features.musicality import Musicality
from ml.features.track import Track
from ml.models.card import hash_file
from ml.models.genre import GenreModel
from ml.models.head import disassemble
from ml.models.logit import softmax
from ml.report.errors import SoriError
from ml.train.data import corpus
from ml.train.data.augmentation import TRAINED_VARIANTS
from ml.train.data.cache import Cache
from ml.train.data.corpus import Example
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row, TrunkOutputs

ShowProgress = Callable[[str], None]

STRANGE_STYLE = "electronic"
"""Emotify's fourth genre, which is none of GTZAN's ten."""


@dataclass(frozen=True)
class Songs:
    """`learnt`: what the model was trained on; `strangers`: clips of known genres that it was not, test aside."""

    learnt: list[Example]
    test_clips: list[Example]
    test_taggrams: list[Example]
    strangers: list[Example]
    strange_style: list[Example]

    @classmethod
    def read(cls, shared: Path) -> Songs:
        learnt = corpus.read_research(shared)
        names = {example.name for example in learnt if example.path}
        clips = corpus.read_gtzan_clips(shared)
        return cls(
            learnt,
            [clip for clip in clips if clip.split == "test"],
            corpus.read_taggrams(shared, "test"),
            [clip for clip in clips if clip.split != "test" and clip.name not in names],
            corpus.read_emotify(shared, {STRANGE_STYLE}),
        )


class Predictor:
    """Hears and judges with one model, and remembers what it heard."""

    def __init__(
        self, model: GenreModel, cache: Cache, executor: Executor, show_progress: ShowProgress
    ) -> None:
        self.model, self.show_progress, self.cache = model, show_progress, cache
        self.labels = model.labels
        self.head = disassemble(model.model.head, model.card.settings["tags_alone"])
        self._gatherer, self._executor = TrunkOutputs(model, cache, executor), executor
        self._music_version = f"mel {mel.VERSION}|musicality {musicality.VERSION}"

    def rows(self, examples: Sequence[Example], variants: Sequence[str] = ("as is",)) -> list[Row]:
        return list(self._gatherer.rows(examples, variants, self.show_progress))

    def predict(self, rows: Sequence[Row]) -> Reals:
        """Probabilities (rows, labels) by the whole model, of rows that were heard."""
        return self.model.predict(np.array([row.trunk_output for row in rows], np.float32))

    def truth(self, rows: Sequence[Row]) -> Integers:
        return np.array([self.labels.index(row.example.label) for row in rows])

    def confident(self, example: Example, best: float) -> bool:
        """Whether the model stands by an answer of probability `best` to this clip."""
        return self.model.is_confident(best, self._music(example))

    def predict_audio(self, audio: Audio) -> tuple[Reals, bool]:
        """Probabilities (labels,) of one sound, and whether the model is confident."""
        track = Track(audio, self.model.bands)
        trunk_output = self.model.run_trunk(track.windows, self._executor).mean(axis=0)
        probabilities = self.model.predict(trunk_output[None])[0]
        return probabilities, self.model.is_confident(float(probabilities.max()), track.musicality)

    def predict_file(self, path: Path) -> tuple[Reals, bool] | None:
        try:
            return self.predict_audio(load(path))
        except SoriError as error:
            self.show_progress(f"left out {path.name}: {error}\n")
            return None

    def _music(self, example: Example) -> Musicality:
        def measure() -> Floats:
            found = Track(load(example.audio), self.model.bands).musicality
            return np.array([found.pauses, found.peakiness, found.spread])

        key = f"musicality|{self._music_version}|{hash_file(example.audio)}"
        return Musicality(*map(float, self.cache.get(key, measure)))


@dataclass(frozen=True)
class CrossPredicted:
    """The songs learnt from, each judged by a model of the same recipe that never met its artist."""

    table: recipe.TrainingTable
    rows: list[Row]
    clips: Reals
    """(rows, labels) probabilities of the whole head; those of taggrams say nothing."""
    taggrams: Reals
    """(rows, labels) probabilities of the part of the head that looks at tags."""
    held: Mask

    @classmethod
    def of(cls, predictor: Predictor, learnt: Sequence[Example]) -> CrossPredicted:
        rows = predictor.rows(learnt, TRAINED_VARIANTS)
        table = recipe.tabulate(rows, predictor.labels)
        predictor.show_progress("judging each artist by a model that never met them\n")
        predicted = recipe.cross_predict(table, predictor.labels)
        if predicted is None:
            raise ValueError("every genre needs songs of two artists at least")
        probabilities = []
        for scores, mine in (
            (predicted.scores, ~table.is_taggram),
            (predicted.scores_by_tags, table.is_taggram),
        ):
            known = predicted.scored & mine
            probabilities.append(
                softmax(scores * recipe.temperature(scores[known], table.rows.labels[known]))
            )
        return cls(table, rows, probabilities[0], probabilities[1], predicted.scored)

    def prediction(self, labels: tuple[str, ...], probabilities: Reals, use: Mask) -> Judgement:
        return Judgement(labels, np.asarray(self.table.rows.labels[use]), probabilities[use])
