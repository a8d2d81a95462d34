"""`python -m ml.evaluate`: measure the shipped models and write docs/accuracy.md with its plots.

With `--all` it measures the lab's models instead, with `--lyrics` the genre by words.

No number on that page is typed by hand. Slow steps are cached, so an interrupted run continues where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ml.audio.folders import looks_like_audio
from ml.evaluate import markdown, plots
from ml.evaluate.accuracy import genre, leakage, mood, page, rhythm
from ml.evaluate.accuracy.genre import GenrePredictions
from ml.evaluate.accuracy.model import CachedModel, CrossPredictions, Songs
from ml.evaluate.classic import run
from ml.lyrics.settings import MODELS_FOLDER_NAME
from ml.models.card import hash_file
from ml.models.genre import GenreModel
from ml.paths import DEFAULT_HOME, WEIGHT_FOLDER
from ml.train.classic.training import LAB_FOLDER
from ml.train.command import command, offline_parser
from ml.train.files import Cache
from ml.train.metrics import Figures
from ml.train.mood.training import MoodFeatures

CACHE_FOLDER = Path(".cache/trunk-outputs")
OUTPUT = {"test": Path("docs"), "valid": Path(".cache/rehearsal")}
TABLES = (
    "emotify/ratings.csv",
    "gtzan/*.csv",
    "gtzan/features_10_sec.tsv",
    "gtzan/splits/*.txt",
    "gtzan/taggrams/*.npz",
)
CLIPS = ("gtzan/clips/**/*", "emotify/clips/*", "speech/*")
FITTED = ("tempo.json", "key.json", "mood.npz")


def build_parser() -> argparse.ArgumentParser:
    parser = offline_parser("ml.evaluate", "Measure the shipped models and write docs/accuracy.md.", cache=CACHE_FOLDER)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="default: the shipped one")
    parser.add_argument("--split", choices=tuple(OUTPUT), default="test", help="valid: a rehearsal without it")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="folder of the page (default: docs)")
    parser.add_argument("--all", action="store_true", help="measure the lab's models instead, and write docs/lab.md")
    parser.add_argument("--lyrics", action="store_true", help="measure the genre by words, and write docs/lyrics.md")
    models = DEFAULT_HOME / MODELS_FOLDER_NAME
    parser.add_argument("--models", type=Path, default=models, metavar="FOLDER", help="downloaded speech models")
    parser.add_argument("--lab", type=Path, default=LAB_FOLDER, help="folder of its weight files")
    return parser


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    figures: Figures | list[Figures]
    if options.lyrics:
        # Loads packages of requirements-lyrics.txt, which the other pages do not need.
        from ml.evaluate.lyrics import run as lyrics

        figures = lyrics.measure_and_write(options)
    else:
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
            "model": summarise_model(model.genre),
            "genre": genre.measure(predicted)
            | {
                "confident": genre.measure_confidence(model, songs, predicted, shared),
                "random_split": leakage.measure(model, songs, shared, options.split),
                "emotify": genre.measure_other_collection(model, crossed),
                "robustness": genre.measure_robustness(model, songs, with_test=on_test),
            },
            **rhythm.measure(model, crossed, shared),
            "mood": mood.measure(model, MoodFeatures(model.genre, model.cache, threads), shared),
            "data": summarise_data(shared),
        }
    return figures, predicted


def summarise_model(model: GenreModel) -> Figures:
    """Name and hashes from the card, and the hashes of the tempo, key and mood weights."""
    logit = {name: hash_file(WEIGHT_FOLDER / name) for name in FITTED}
    signature = model.identity
    return {
        "name": signature.name,
        "version": signature.version,
        "sha256": signature.sha256,
        "files": model.card.sha256 | logit,
    }


def summarise_data(shared: Path) -> Figures:
    """SHA-256 of each table, and one hash over the names and hashes of all clips."""
    clips = [path for path in _found(shared, CLIPS) if looks_like_audio(path)]
    lines = [f"{hash_file(path)}  {path.relative_to(shared).as_posix()}\n" for path in clips]
    return {
        "tables": {path.relative_to(shared).as_posix(): hash_file(path) for path in _found(shared, TABLES)},
        "clips": hashlib.sha256("".join(lines).encode()).hexdigest(),
        "clip_count": len(clips),
    }


def _found(shared: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    yield from sorted({path for pattern in patterns for path in shared.glob(pattern) if path.is_file()})


if __name__ == "__main__":
    raise SystemExit(main())
