"""`python -m ml.evaluate --all`: the lab's models and the one that ships beside them, measured and written down."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ml.evaluate.accuracy import genre
from ml.evaluate.accuracy.songs import Predictor, Songs
from ml.evaluate.classic import measure, page, plots
from ml.evaluate.figures import Figures, overall
from ml.evaluate.handcrafted.agreement import whole_clips
from ml.models.card import GENRE_WEIGHTS
from ml.models.genre import GenreModel
from ml.models.mood import MoodModel
from ml.pipeline import Pipeline
from ml.report.errors import SoriError
from ml.train.classic import datasets
from ml.train.classic.training import PUBLISHED
from ml.train.data.cache import Cache

ShowProgress = Callable[[str], None]
DOCS = Path("docs")


class EmptyLabError(SoriError):
    code = "lab_empty"
    sentence = "There is no model to measure in {folder}. python -m ml.train --model all trains them."


def run(options: argparse.Namespace, show_progress: ShowProgress) -> int:
    examined = measure.examine_all(options.lab, options.shared, options.cache, show_progress)
    if not examined:
        raise EmptyLabError(folder=str(options.lab))
    figures = [one.figures() for one in examined]
    if (options.shared / "gtzan" / "taggrams").is_dir():
        show_progress("the model that ships\n")
        figures += _shipped(options)
    tables = [options.shared / "gtzan" / name for name in PUBLISHED[False]]
    songs = datasets.read_features(tables) if all(path.is_file() for path in tables) else None
    folder = options.output or DOCS
    drawn = plots.draw(folder / "images", examined, songs)
    chosen = {
        f"{source}-{split}": f"`{one.card.kind}`"
        for source in page.SOURCES
        for split in page.SPLITS
        if (one := measure.best(examined, source, split)) is not None
    }
    (folder / "lab.md").write_text(page.write(figures, drawn, chosen), encoding="utf-8")
    show_progress(f"{folder / 'lab.md'} is written\n")
    if options.json:
        print(json.dumps(figures, ensure_ascii=False))
    return 0


def _shipped(options: argparse.Namespace) -> list[Figures]:
    """The same figures of the shipped model, on the clips; what it says of whole tracks is in accuracy.md."""
    path = options.weights or GENRE_WEIGHTS
    with ThreadPoolExecutor() as threads:
        model = GenreModel.load(path)
        predictor = Predictor(model, Cache(options.cache), threads, lambda _: None)
        predicted = genre.examine_test(predictor, Songs.read(options.shared)).end_to_end
    return [
        {
            "kind": "transfer",
            "source": measure.CLIPS,
            "split": "filtered",
            **overall(predicted),
            "kilobytes": round(path.stat().st_size / 1000),
            "milliseconds": _milliseconds(model, options.shared),
        }
    ]


def _milliseconds(model: GenreModel, shared: Path) -> float | None:
    """The whole report: the trunk's share cannot be had without the rest."""
    clips = [path for _, path in whole_clips(shared)][: measure.TIMED_SONGS]
    taken = []
    with Pipeline(model, MoodModel.load()) as pipeline:
        pipeline.warm_up()
        for path in clips:
            started = time.perf_counter()
            pipeline.analyse(path)
            taken.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(taken), 1) if taken else None
