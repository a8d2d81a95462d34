"""The evaluated genre model and the songs that it is evaluated on.

Trunk outputs are cached in the folder that training uses too, so an interrupted run continues where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.audio.loading import Audio, load
from ml.features import mel, musicality
from ml.features.arrays import Floats, Integers, Mask, Reals
from ml.features.musicality import Musicality
from ml.features.track import Track
from ml.models.card import hash_file
from ml.models.genre import GenreModel
from ml.models.head import disassemble
from ml.models.logit import softmax
from ml.report.errors import SoriError
from ml.report.progress import show_progress
from ml.train.data import corpus
from ml.train.data.augmentation import TRAINED_VARIANTS
from ml.train.data.corpus import Example
from ml.train.files import Cache
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row, TrunkOutputs
from ml.train.metrics import Predictions

OTHER_STYLE = "electronic"
"""A genre of Emotify that is none of GTZAN's ten."""


@dataclass(frozen=True)
class Songs:
    """`other_clips` are clips of the ten genres that are neither in the training data nor in the test split."""

    training: list[Example]
    test_clips: list[Example]
    test_taggrams: list[Example]
    other_clips: list[Example]
    other_style: list[Example]

    @classmethod
    def read(cls, shared: Path) -> Songs:
        training = corpus.read_research(shared)
        names = {example.name for example in training if example.path}
        clips = corpus.read_gtzan_clips(shared)
        return cls(
            training,
            [clip for clip in clips if clip.split == "test"],
            corpus.read_taggrams(shared, "test"),
            [clip for clip in clips if clip.split != "test" and clip.name not in names],
            corpus.read_emotify(shared, {OTHER_STYLE}),
        )


class CachedModel:
    """A genre model whose trunk outputs and musicality measurements are cached by file."""

    def __init__(self, genre: GenreModel, cache: Cache, executor: Executor) -> None:
        self.genre, self.cache, self.labels = genre, cache, genre.labels
        self.head = disassemble(genre.model.head, genre.card.settings["tags_alone"])
        self._trunk_outputs, self._executor = TrunkOutputs(genre, cache, executor), executor
        self._music_version = f"mel {mel.VERSION}|musicality {musicality.VERSION}"

    def rows(self, examples: Sequence[Example], variants: Sequence[str] = ("as is",)) -> list[Row]:
        return list(self._trunk_outputs.rows(examples, variants))

    def predict(self, rows: Sequence[Row]) -> Reals:
        """Probabilities (rows, labels) by the whole head."""
        return self.genre.predict(np.array([row.trunk_output for row in rows], np.float32))

    def genres(self, rows: Sequence[Row]) -> dict[str, dict[str, float]]:
        """Probabilities by label, of each song by its name."""
        return {
            row.example.name: self.named(probabilities)
            for row, probabilities in zip(rows, self.predict(rows), strict=True)
        }

    def named(self, probabilities: Reals) -> dict[str, float]:
        return dict(zip(self.labels, map(float, probabilities), strict=True))

    def truth(self, rows: Sequence[Row]) -> Integers:
        return np.array([self.labels.index(row.example.label) for row in rows])

    def is_confident(self, example: Example, best: float) -> bool:
        """Whether the model is confident in an answer of probability `best` for this clip."""

        def measure() -> Floats:
            measured = Track(load(example.audio), self.genre.bands).musicality
            return np.array([measured.pauses, measured.peakiness, measured.spread])

        key = f"musicality|{self._music_version}|{hash_file(example.audio)}"
        return self.genre.is_confident(best, Musicality(*map(float, self.cache.get(key, measure))))

    def is_confident_in_audio(self, audio: Audio) -> bool:
        track = Track(audio, self.genre.bands)
        trunk_output = self.genre.run_trunk(track.windows, self._executor).mean(axis=0)
        best = float(self.genre.predict(trunk_output[None])[0].max())
        return self.genre.is_confident(best, track.musicality)

    def confident_files(self, paths: Sequence[Path]) -> list[bool]:
        """Whether the model is confident, of each file that can be read."""
        confident = []
        for path in paths:
            try:
                confident.append(self.is_confident_in_audio(load(path)))
            except SoriError as error:
                show_progress(f"left out {path.name}: {error}\n")
        return confident


@dataclass(frozen=True)
class CrossPredictions:
    """Each training song classified by a model of the same recipe whose training data lacks the song's artist."""

    table: recipe.TrainingTable
    rows: list[Row]
    clips: Reals
    """(rows, labels) probabilities by the whole head; not defined for taggrams."""
    taggrams: Reals
    """(rows, labels) probabilities by the tag part of the head."""
    held: Mask
    """Rows that were held out in some fold."""

    @classmethod
    def of(cls, model: CachedModel, training: Sequence[Example]) -> CrossPredictions:
        rows = model.rows(training, TRAINED_VARIANTS)
        table = recipe.tabulate(rows, model.labels)
        show_progress("cross-validating the genre head by artist\n")
        predicted = recipe.cross_predict(table, model.labels)
        if predicted is None:
            raise ValueError("every genre needs songs of two artists at least")
        truth = table.rows.labels

        def calibrated(scores: Reals, of_kind: Mask) -> Reals:
            known = predicted.scored & of_kind
            return softmax(scores * recipe.temperature(scores[known], truth[known]))

        return cls(
            table,
            rows,
            calibrated(predicted.scores, ~table.is_taggram),
            calibrated(predicted.scores_by_tags, table.is_taggram),
            predicted.scored,
        )

    def select(self, labels: tuple[str, ...], probabilities: Reals, use: Mask) -> Predictions:
        return Predictions(labels, np.asarray(self.table.rows.labels[use]), probabilities[use])
