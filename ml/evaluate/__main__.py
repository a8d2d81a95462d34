"""`python -m ml.evaluate`: measure the shipped models and write docs/accuracy.md with its plots.

No number on that page is typed by hand. Slow steps are cached, so an interrupted run continues where it stopped.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ml.evaluate import markdown, plots, provenance
from ml.evaluate.accuracy import genre, leakage, mood, page, rhythm, transfer
from ml.evaluate.accuracy.genre import GenrePredictions
from ml.evaluate.accuracy.model import CachedModel, CrossPredictions, Songs
from ml.evaluate.classic import run
from ml.evaluate.figures import Figures
from ml.models.genre import GenreModel
from ml.train.classic.training import LAB_FOLDER
from ml.train.command import command
from ml.train.data.cache import Cache
from ml.train.mood.training import MoodFeatures

CACHE_FOLDER = Path(".cache/evidence")
OUTPUT = {"test": Path("docs"), "valid": Path(".cache/rehearsal")}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluate", description="Measure the shipped models and write docs/accuracy.md."
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="default: the shipped one")
    parser.add_argument("--split", choices=tuple(OUTPUT), default="test", help="valid: a rehearsal without it")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="folder of the page (default: docs)")
    parser.add_argument("--all", action="store_true", help="measure the lab's models instead, and write docs/lab.md")
    parser.add_argument("--lab", type=Path, default=LAB_FOLDER, help="folder of its weight files")
    parser.add_argument("--cache", type=Path, default=CACHE_FOLDER, help="folder of cached results")
    return parser


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    figures: Figures | list[Figures]
    figures = run.measure_and_write(options) if options.all else measure_and_write(options)
    if options.json:
        print(json.dumps(figures, ensure_ascii=False))


def measure_and_write(options: argparse.Namespace) -> Figures:
    figures, predicted = measure(options)
    folder = options.output or OUTPUT[options.split]
    drawn = plots.draw_genre(folder, "python -m ml.evaluate", predicted.tracks, predicted.clips)
    markdown.save(folder / "accuracy.md", page.write(figures, drawn))
    return figures


def measure(options: argparse.Namespace) -> tuple[Figures, GenrePredictions]:
    shared, on_test = options.shared, options.split == "test"
    songs = Songs.read(shared)
    with ThreadPoolExecutor() as threads:
        model = CachedModel(GenreModel.load(options.weights), Cache(options.cache), threads)
        crossed = CrossPredictions.of(model, songs.training)
        predicted = genre.predict_test(model, songs) if on_test else genre.predict_valid(model, crossed)
        figures = {
            "command": f"python -m ml.evaluate --split {options.split}",
            "split": options.split,
            "model": provenance.describe_model(model.genre),
            "genre": genre.measure(predicted)
            | {
                "confident": genre.measure_confidence(model, songs, predicted, shared),
                "random_split": leakage.measure(model, songs, shared, options.split),
                "emotify": transfer.measure_other_collection(model, crossed),
                "robustness": transfer.measure_robustness(model, songs, with_test=on_test),
            },
            **rhythm.measure(model, crossed, shared),
            "mood": mood.measure(model, MoodFeatures(model.genre, model.cache, threads), shared),
            "data": provenance.describe_data(shared),
        }
    return figures, predicted


if __name__ == "__main__":
    raise SystemExit(main())
