"""Second step of training the genre head: the trunk's output for every example.

It is the only slow step, and the same for all settings of the head, so it is cached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.audio.loading import Audio, from_samples, load
from ml.audio.settings import SAMPLE_RATE
from ml.features import bands, mel
from ml.features.arrays import Floats
from ml.features.bands import BandStatistics
from ml.features.track import Track
from ml.models import trunk
from ml.models.card import hash_file
from ml.models.genre import GenreModel
from ml.models.head import tag_output
from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.report.errors import SoriError
from ml.train.data import augmentation
from ml.train.data.augmentation import ORIGINAL, VARIANTS
from ml.train.data.corpus import Example, process_examples
from ml.train.files import Cache

FRAMES_PER_SONG = 150
BANDS_SEED = 0
LISTENERS = "listeners"
"""The collection of listeners' answers."""


class NoFeedbackError(SoriError):
    code = "no_feedback"
    sentence = "There are no listeners' answers in {folder} for the genres of this model."


@dataclass(frozen=True)
class Row:
    """Mean trunk output (TRUNK_OUTPUT_SIZE,) of one variant of one example; NaN for what a taggram does not contain."""

    example: Example
    variant: str
    trunk_output: Floats
    windows: int


class TrunkOutputs:
    """Runs one model's trunk over examples, through a cache."""

    def __init__(self, model: GenreModel, cache: Cache, executor: Executor) -> None:
        self._model, self._cache, self._executor = model, cache, executor
        self._version = fingerprint(model)

    def rows(self, examples: Sequence[Example], variants: Sequence[str]) -> Iterator[Row]:
        def rows_of(example: Example) -> list[Row]:
            if example.taggram is not None:
                return [_taggram_row(example, example.taggram)]
            return [self._row(example, variant) for variant in variants]

        for _, rows in process_examples(examples, rows_of, "trunk"):
            yield from rows

    def _row(self, example: Example, variant: str) -> Row:
        def compute() -> Floats:
            audio = _vary(load(example.audio), variant)
            return self._model.run_trunk(Track(audio, self._model.bands).windows, self._executor)

        key = f"{self._version}|{variant}|{hash_file(example.audio)}"
        windows = self._cache.get(key, compute)
        return Row(example, variant, windows.mean(axis=0), len(windows))


def _taggram_row(example: Example, taggram: Floats) -> Row:
    by_tags = tag_output(taggram)
    missing = np.full(TRUNK_OUTPUT_SIZE - len(by_tags), np.nan, np.float32)
    return Row(example, ORIGINAL, np.concatenate([by_tags, missing]), len(taggram))


def fingerprint(model: GenreModel) -> str:
    """Cache key of the trunk's outputs: the weights of trunk and bands, and the version of each step before them.

    It does not depend on the head, so training and evaluation share these outputs.
    """
    steps = {"mel": mel, "bands": bands, "trunk": trunk, "variants": augmentation}
    return "|".join([model.trunk_version, *(f"{name} {step.VERSION}" for name, step in steps.items())])


def _vary(audio: Audio, variant: str) -> Audio:
    return from_samples(VARIANTS[variant](audio.samples), SAMPLE_RATE, title=audio.title)


def measure_bands(examples: Sequence[Example], neutral: BandStatistics) -> BandStatistics:
    """Band statistics of the recordings with the full frequency range, the same number of frames from each."""
    random = np.random.default_rng(BANDS_SEED)
    frames = []
    for example in examples:
        try:
            audio = load(example.audio)
        except SoriError:
            continue
        if audio.sample_rate < SAMPLE_RATE:
            continue
        recorded = Track(audio, neutral).recorded_mel
        frames.append(recorded[random.integers(len(recorded), size=FRAMES_PER_SONG)])
    return BandStatistics.learn(np.concatenate(frames)) if frames else neutral


def read_feedback(folder: Path, labels: Collection[str]) -> list[Row]:
    """Listeners' answers: the trunk's output for their songs, in one folder per genre, each client's answer in a file.

    Each song is one row, however often it was uploaded and answered, with the genre that most clients chose. It is left
    out where two genres have equally many; so are genres that the model does not have. Artists are unknown, so each
    song is its own group.
    """
    answers: dict[bytes, list[Path]] = {}
    for path in sorted(folder.glob("*/*.npy")):
        trunk_output = _read_trunk_output(path) if path.parent.name in labels else None
        if trunk_output is not None:
            answers.setdefault(trunk_output.tobytes(), []).append(path)
    rows = []
    for content, paths in answers.items():
        genre = _most_frequent([path.parent.name for path in paths])
        if genre is not None:
            name = paths[0].stem
            example = Example(name, genre, f"listener {name}", LISTENERS, "train")
            rows.append(Row(example, ORIGINAL, np.frombuffer(content, np.float32), 1))
    if not rows:
        raise NoFeedbackError(folder=str(folder))
    return rows


def _most_frequent(names: Sequence[str]) -> str | None:
    """None where two names are equally frequent."""
    first, *others = Counter(names).most_common(2)
    return None if others and others[0][1] == first[1] else first[0]


def _read_trunk_output(path: Path) -> Floats | None:
    """None for a broken file, and for the output of an older model, which has another size."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        return None
    fits = array.shape == (TRUNK_OUTPUT_SIZE,) and array.dtype == np.float32 and np.isfinite(array).all()
    return array if fits else None
