"""`python -m ml.train`: from labelled music to a weight file with its card.

Without `--data` it repeats the shipped model from the research collections; with it, it learns a person's own genres
from one folder per genre. With `--task mood` the same for moods.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ml.features.bands import BandStatistics
from ml.features.mel import MEL_BANDS
from ml.models.card import GENRE_WEIGHTS, Card, load_card
from ml.models.classic.kinds import KINDS
from ml.models.genre import BANDS_NAME, CompiledNetworks, GenreModel, start_tensorflow
from ml.models.head import Head, assemble
from ml.models.logit import softmax
from ml.paths import WEIGHT_FOLDER
from ml.report.errors import SoriError
from ml.report.progress import show_progress
from ml.report.schema import Model
from ml.train.classic.run import train as train_lab
from ml.train.classic.table import train_table
from ml.train.data import corpus
from ml.train.data.augmentation import TRAINED_VARIANTS
from ml.train.data.cache import Cache
from ml.train.data.corpus import Example
from ml.train.data.splits import NAMED
from ml.train.genre import recipe
from ml.train.genre.feedback import read_feedback
from ml.train.genre.trunk_outputs import Gatherer, Row, learn_bands
from ml.train.metrics import calibration_error, interval
from ml.train.mood import task
from ml.train.mood.task import MoodInputs
from ml.train.trunk import fetch_trunk

LICENCE = (
    "Trunk: MSD_musicnn, ISC licence, (c) Music Technology Group, Universitat Pompeu Fabra 2019 (NOTICE)"
)
CACHE_FOLDER = Path(".cache/evidence")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml.train", description="Train the genre or mood model.")
    parser.add_argument("--task", choices=("genre", "mood"), default="genre", help="what to learn")
    parser.add_argument("--data", type=Path, help="a folder with one sub-folder of songs per genre or mood")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument("--without-emotify", action="store_true", help="train on GTZAN alone")
    parser.add_argument(
        "--output",
        type=Path,
        help="the weight file (default: in weight/, and with --data another than the shipped)",
    )
    parser.add_argument(
        "--feedback", type=Path, metavar="FOLDER", help="learn from listeners' answers too (var/feedback)"
    )
    parser.add_argument("--name", help="the model's name on its card")
    parser.add_argument(
        "--model",
        choices=("transfer", *KINDS, "all"),
        default="transfer",
        help="which kind of model (default: as the shipped one); all: every model of the lab's table",
    )
    parser.add_argument(
        "--features", type=Path, nargs="+", metavar="FILE", help="feature files for a lab model"
    )
    parser.add_argument("--split", help=f"{', '.join(NAMED)}, or a file of lines song,train and song,test")
    parser.add_argument("--tune", choices=("grid", "optuna"), help="search values by cross-validation")
    parser.add_argument("--trials", type=int, default=20, help="at most so many values are tried")
    parser.add_argument("--epochs", type=int, default=60, help="at most so many passes of a network")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same model")
    parser.add_argument("--cache", type=Path, default=CACHE_FOLDER, help="where what was heard is kept")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    try:
        if options.task == "mood":
            train_mood(options, show_progress)
        else:
            TASKS.get(options.model, train_lab)(options, show_progress)
    except SoriError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. What was heard is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    return 0


def train(options: argparse.Namespace, show_progress: Callable[[str], None]) -> Card:
    """The whole of one training run; the weight file appears only when it is complete."""
    examples = gather_examples(options)
    labels = tuple(sorted({example.label for example in examples}))
    output = options.output or (WEIGHT_FOLDER / "own.keras" if options.data else GENRE_WEIGHTS)
    with ThreadPoolExecutor() as threads:
        model = _starting_model(examples, options, show_progress)
        gatherer = Gatherer(model, Cache(options.cache), threads)
        rows = list(gatherer.rows(examples, TRAINED_VARIANTS, show_progress))
    if options.feedback:
        rows += read_feedback(options.feedback, labels)
    show_progress("fitting\n")
    head, settings, metrics = fit(rows, labels)
    network = assemble(model.model.trunk, head)
    card = Card(
        name=options.name or ("own" if options.data else "sori-genre"),
        version="1",
        labels=labels,
        settings=settings,
        data=_describe(rows),
        metrics=metrics,
        licence=LICENCE,
        trunk_version=model.trunk_version,
    )
    _save(network, model.bands, card, output)
    show_progress(f"{output}: {metrics}\n")
    return card


def train_mood(options: argparse.Namespace, show_progress: Callable[[str], None]) -> Card:
    """The mood head learns from what the shipped trunk hears."""
    with ThreadPoolExecutor() as threads:
        inputs = MoodInputs(GenreModel.load(), Cache(options.cache), threads)
        return task.train(options, inputs, show_progress)


def gather_examples(options: argparse.Namespace) -> list[Example]:
    if options.data:
        return corpus.read_folder(options.data)
    return corpus.read_research(options.shared, with_emotify=not options.without_emotify)


def fit(rows: Sequence[Row], labels: Sequence[str]) -> tuple[Head, dict[str, float], dict[str, Any]]:
    """The calibrated head, the settings of its card, and what cross-validation says of it."""
    table = recipe.tabulate(rows, labels)
    predicted = recipe.cross_predict(table, labels)
    head = recipe.fit_head(table, labels, np.ones(len(rows), bool))
    head, least = recipe.calibrate(head, table, predicted)
    settings = {"least_probability": least, "tags_alone": head.tags_alone, **recipe.MUSIC_LIMITS}
    return head, settings, _cross_validated(table, predicted)


def _cross_validated(table: recipe.Table, predicted: recipe.Predicted | None) -> dict[str, Any]:
    if predicted is None:
        return {}
    figures: dict[str, Any] = {}
    kinds = {
        "audio": (predicted.scores, ~table.is_taggram),
        "taggrams": (predicted.scores_by_tags, table.is_taggram),
    }
    for kind, (scores, mine) in kinds.items():
        held = predicted.held & mine
        if not held.any():
            continue
        truth = table.rows.labels[held]
        correct = scores[held].argmax(axis=1) == truth
        low, high = interval(correct)
        scaled = scores[held] * recipe.temperature(scores[held], truth)
        figures[f"cross_validated_{kind}"] = {
            "accuracy": round(float(correct.mean()), 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "n": int(held.sum()),
            "ece": round(calibration_error(softmax(scaled), truth), 4),
        }
    return figures


def _starting_model(
    examples: Sequence[Example], options: argparse.Namespace, show_progress: Callable[[str], None]
) -> GenreModel:
    """The trunk to listen with: that of the shipped model, or for the shipped model the published one."""
    if options.data:
        return GenreModel.load()
    start_tensorflow()
    nothing = BandStatistics(np.zeros(MEL_BANDS, np.float32), np.eye(MEL_BANDS, dtype=np.float32))
    show_progress("learning the bands\n")
    bands = learn_bands([example for example in examples if example.path], nothing)
    show_progress("fetching the published trunk\n")
    network, digest = fetch_trunk()
    card = Card("trunk", "1", (), {}, {}, {}, LICENCE)
    return GenreModel(CompiledNetworks(network, None), card, bands, Model("trunk", "1", digest))


def _describe(rows: Sequence[Row]) -> dict[str, Any]:
    """How many songs of each collection taught the model."""
    songs = {(row.example.collection, row.example.taggram is not None, row.example.name) for row in rows}
    counts: dict[str, int] = {}
    for collection, is_taggram, _ in songs:
        kind = f"{collection} {'taggrams' if is_taggram else 'audio'}"
        counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items()))


def _save(network: Any, bands: BandStatistics, card: Card, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        weights, companion = Path(folder) / output.name, Path(folder) / BANDS_NAME
        network.save(weights)
        bands.save(companion)
        card.save(weights, companion)
        for path in (companion, weights, weights.with_suffix(".json")):
            path.replace(output.parent / path.name)
    load_card(output)


TASKS: dict[str, Callable[[argparse.Namespace, Callable[[str], None]], object]] = {
    "transfer": train,
    "all": train_table,
}

if __name__ == "__main__":
    raise SystemExit(main())
