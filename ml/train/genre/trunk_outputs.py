"""What the trunk hears in every example, kept on disk: the only slow step of training, and the same for every trial.

A file that cannot be heard is named and left out; the rest is learnt from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from ml.audio.loading import Audio, from_samples, load
from ml.audio.settings import SAMPLE_RATE
from ml.features import bands, mel
from ml.features.arrays import Floats
from ml.features.bands import BandStatistics
from ml.features.track import Track
from ml.models import trunk
from ml.models.card import hash_file
from ml.models.genre import TRUNK_OUTPUT_SIZE, GenreModel
from ml.models.head import tag_output
from ml.report.errors import SoriError
from ml.train.data import augmentation
from ml.train.data.augmentation import VARIANTS
from ml.train.data.cache import Cache
from ml.train.data.corpus import Example

FRAMES_PER_SONG = 150
BANDS_SEED = 0


@dataclass(frozen=True)
class Row:
    """Mean evidence (EVIDENCE_SIZE,) of one variant of one example; NaN where a taggram does not tell."""

    example: Example
    variant: str
    trunk_output: Floats
    windows: int


class Gatherer:
    """Listens to examples with one model's trunk, and remembers."""

    def __init__(self, model: GenreModel, cache: Cache, executor: Executor) -> None:
        self._model, self._cache, self._executor = model, cache, executor
        self._version = fingerprint(model)

    def rows(
        self, examples: Sequence[Example], names: Sequence[str], show_progress: Callable[[str], None]
    ) -> Iterator[Row]:
        for number, example in enumerate(examples, start=1):
            show_progress(f"listening {number}/{len(examples)}")
            if example.taggram is not None:
                known = tag_output(example.taggram)
                unknown = np.full(TRUNK_OUTPUT_SIZE - len(known), np.nan, np.float32)
                yield Row(example, "as is", np.concatenate([known, unknown]), len(example.taggram))
                continue
            try:
                yield from self._listen(example, names)
            except SoriError as error:
                show_progress(f"left out {example.name}: {error}\n")

    def windows(self, example: Example, variant: str) -> Floats:
        """Evidence of each window (windows, EVIDENCE_SIZE) of one variant of an example with audio."""
        key = f"{self._version}|{variant}|{hash_file(example.audio)}"
        return self._cache.get(key, lambda: self._compute(_vary(load_example(example), variant)))

    def _listen(self, example: Example, names: Sequence[str]) -> Iterator[Row]:
        for variant in names:
            heard = self.windows(example, variant)
            yield Row(example, variant, heard.mean(axis=0), len(heard))

    def _compute(self, audio: Audio) -> Floats:
        return self._model.run_trunk(Track(audio, self._model.bands).windows, self._executor)


def fingerprint(model: GenreModel) -> str:
    """Cache key of the trunk's outputs: the weights of trunk and bands, and the version of each step before them.

    The head does not count, so training and evaluation share these outputs.
    """
    steps = {"mel": mel, "bands": bands, "trunk": trunk, "variants": augmentation}
    return "|".join([model.trunk_version, *(f"{name} {step.VERSION}" for name, step in steps.items())])


def load_example(example: Example) -> Audio:
    return load(example.audio)


def _vary(audio: Audio, variant: str) -> Audio:
    return from_samples(VARIANTS[variant](audio.samples), SAMPLE_RATE, title=audio.title)


def learn_bands(examples: Sequence[Example], nothing: BandStatistics) -> BandStatistics:
    """Band statistics of the full recordings among `examples`, the same number of frames from each."""
    choose = np.random.default_rng(BANDS_SEED)
    frames = []
    for example in examples:
        try:
            audio = load_example(example)
        except SoriError:
            continue
        if audio.sample_rate < SAMPLE_RATE:
            continue
        mel = Track(audio, nothing).recorded_mel
        frames.append(mel[choose.integers(len(mel), size=FRAMES_PER_SONG)])
    return BandStatistics.learn(np.concatenate(frames)) if frames else nothing
