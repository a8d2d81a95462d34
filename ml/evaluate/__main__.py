"""`python -m ml.evaluate`: measure everything on one run, and write docs/accuracy.md with its plots.

Nothing on that page is typed. What takes long is kept in the cache, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ml.evaluate import plots, provenance
from ml.evaluate.accuracy import genre, leakage, mood, page, rhythm, transfer
from ml.evaluate.accuracy.genre import Examined
from ml.evaluate.accuracy.songs import CrossPredicted, Predictor, ShowProgress, Songs
from ml.evaluate.classic import run
from ml.evaluate.figures import Figures
from ml.models.genre import GenreModel
from ml.report.errors import SoriError
from ml.report.progress import show_progress
from ml.train.classic.training import LAB_FOLDER
from ml.train.data.cache import Cache
from ml.train.data.corpus import read_taggrams
from ml.train.mood.training import MoodFeatures

CACHE_FOLDER = Path(".cache/evidence")
OUTPUT = {"test": Path("docs"), "valid": Path(".cache/rehearsal")}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluate", description="Measure how well Sori hears, and write docs/accuracy.md."
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="a weight file (default: the shipped one)"
    )
    parser.add_argument(
        "--split",
        choices=tuple(OUTPUT),
        default="test",
        help="valid: rehearse by cross-validation, and leave the test split unheard",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="where the page goes (default: docs, or .cache/rehearsal)",
    )
    parser.add_argument(
        "--all", action="store_true", help="measure the lab's models instead, and write docs/lab.md"
    )
    parser.add_argument(
        "--lab", type=Path, default=LAB_FOLDER, metavar="FOLDER", help="where the lab's weight files are"
    )
    parser.add_argument("--cache", type=Path, default=CACHE_FOLDER, help="where what was heard is kept")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    try:
        if options.all:
            return run.run(options, show_progress)
        figures, examined = evaluate(options, show_progress)
    except SoriError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. What was heard is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    folder = options.output or OUTPUT[options.split]
    drawn = plots.draw(folder / "images", examined.by_taggram, examined.end_to_end)
    (folder / "accuracy.md").write_text(page.write(figures, drawn), encoding="utf-8")
    show_progress(f"{folder / 'accuracy.md'} is written\n")
    if options.json:
        print(json.dumps(figures, ensure_ascii=False))
    return 0


def evaluate(options: argparse.Namespace, show_progress: ShowProgress) -> tuple[Figures, Examined]:
    songs = Songs.read(options.shared)
    with ThreadPoolExecutor() as threads:
        model = GenreModel.load(options.weights)
        predictor = Predictor(model, Cache(options.cache), threads, show_progress)
        crossed = CrossPredicted.of(predictor, songs.learnt)
        on_test = options.split == "test"
        examined = (
            genre.examine_test(predictor, songs) if on_test else genre.examine_valid(predictor, crossed)
        )
        figures = {
            "command": f"python -m ml.evaluate --split {options.split}",
            "split": options.split,
            "model": provenance.model(model),
            "genre": genre.describe(examined)
            | {
                "confident": genre.confidence(predictor, songs, examined, options.shared),
                "random_split": _random_split(predictor, songs, options),
                "emotify": transfer.other_collection(predictor, crossed),
                "robustness": transfer.robustness(predictor, songs, with_test=on_test),
            },
            **rhythm.measure(predictor, crossed, options.shared),
            "mood": mood.measure(predictor, MoodFeatures(model, predictor.cache, threads), options.shared),
            "data": provenance.data(options.shared),
        }
    return figures, examined


def _random_split(predictor: Predictor, songs: Songs, options: argparse.Namespace) -> Figures:
    """Random splits beside the filtered one; with `--split valid` without any song of the test split."""
    predictor.show_progress("splitting at random\n")
    gtzan = options.shared / "gtzan"
    asked = options.split
    train = predictor.rows(read_taggrams(options.shared, "train"))
    if asked == "test":
        of_recipe = leakage.of_recipe(train, predictor.rows(songs.test_taggrams), predictor.labels)
    else:
        of_recipe = leakage.of_recipe_cross_validated(train, predictor.labels)
    names = [leakage.read_split(gtzan / "splits" / f"{split}_filtered.txt") for split in ("train", asked)]
    segments = leakage.read_segments(gtzan / "features_10_sec.tsv")
    return {"recipe": of_recipe, "segments": leakage.of_segments(segments, *names)}


if __name__ == "__main__":
    raise SystemExit(main())
