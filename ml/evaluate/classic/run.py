"""`python -m ml.evaluate --all`: measure the lab's models and the shipped one, and write docs/lab.md."""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ml.evaluate import markdown
from ml.evaluate.accuracy import genre
from ml.evaluate.accuracy.model import CachedModel, Songs
from ml.evaluate.classic import measure, page, plots
from ml.models.card import GENRE_WEIGHTS
from ml.models.genre import GenreModel
from ml.models.mood import MoodModel
from ml.pipeline import Pipeline
from ml.report.errors import SoriError
from ml.report.progress import show_progress
from ml.train.classic import datasets
from ml.train.classic.training import PUBLISHED
from ml.train.files import Cache
from ml.train.metrics import Figures

DOCS = Path("docs")


class EmptyLabError(SoriError):
    code = "lab_empty"
    sentence = "There is no model to measure in {folder}. python -m ml.train --model all trains them."


def measure_and_write(options: argparse.Namespace) -> list[Figures]:
    results = measure.LabMeasurement(options.shared, options.cache).measure_folder(options.lab)
    if not results:
        raise EmptyLabError(folder=str(options.lab))
    figures = [result.figures() for result in results]
    if (options.shared / "gtzan" / "taggrams").is_dir():
        show_progress("the shipped model\n")
        figures.append(measure_shipped(options))
    tables = [options.shared / "gtzan" / name for name in PUBLISHED[False]]
    songs = datasets.read_features(tables) if all(path.is_file() for path in tables) else None
    folder = options.output or DOCS
    drawn = plots.draw(folder / "images", results, songs)
    chosen = {
        f"{source}-{split}": f"`{result.card.kind}`"
        for source in page.SOURCES
        for split in page.SPLITS
        if (result := measure.best(results, source, split)) is not None
    }
    markdown.save(folder / "lab.md", page.write(figures, drawn, chosen))
    return figures


def measure_shipped(options: argparse.Namespace) -> Figures:
    """The same figures for the shipped model, on the clips; accuracy.md has those on whole tracks."""
    weights = options.weights or GENRE_WEIGHTS
    with ThreadPoolExecutor() as threads:
        model = GenreModel.load(weights)
        cached = CachedModel(model, Cache(options.cache), threads)
        predictions = genre.predict_test(cached, Songs.read(options.shared)).clips
    with Pipeline(model, MoodModel.load()) as pipeline:  # a whole report: its trunk's share is not separate
        pipeline.warm_up()
        milliseconds = measure.median_milliseconds(pipeline.analyse, weights, options.shared, options.cache)
    return {
        "kind": "transfer",
        "source": measure.CLIPS,
        "split": "filtered",
        **predictions.figures(),
        "kilobytes": measure.kilobytes(weights),
        "milliseconds": milliseconds,
    }
