"""`python -m ml.train`: from labelled music to a weight file with its card.

Without `--data` it trains the shipped model again from the research collections; with it, a model for a user's own
genres from one folder per genre. `--task mood` does the same for moods, `--task lyrics` for genres by the words.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from ml.lyrics.settings import ASR_MODEL, MODELS_FOLDER_NAME, TEXT_MODEL
from ml.models.classic.kinds import KINDS
from ml.paths import DEFAULT_HOME
from ml.train.classic import table
from ml.train.classic import training as classic
from ml.train.command import command, offline_parser
from ml.train.data.splits import NAMED
from ml.train.genre import training as genre
from ml.train.lyrics import training as lyrics
from ml.train.mood import training as mood

CACHE_FOLDER = Path(".cache/trunk-outputs")
TRAIN: dict[str, Callable[[argparse.Namespace], None]] = {
    "transfer": genre.train,
    "all": table.train_table,
    **dict.fromkeys(KINDS, classic.train),
}


def build_parser() -> argparse.ArgumentParser:
    parser = offline_parser("ml.train", "Train a model of genre, mood or genre by lyrics.", cache=CACHE_FOLDER)
    parser.add_argument("--task", choices=("genre", "mood", "lyrics"), default="genre", help="what the model predicts")
    parser.add_argument("--data", type=Path, help="a folder with one sub-folder of songs per genre or mood")
    parser.add_argument("--without-emotify", action="store_true", help="train on GTZAN alone")
    parser.add_argument(
        "--output", type=Path, help="the weight file (default: the shipped one, with --data weight/own...)"
    )
    parser.add_argument(
        "--feedback", type=Path, metavar="FOLDER", help="train on listeners' answers too (var/feedback)"
    )
    parser.add_argument("--name", help="the model's name on its card")
    parser.add_argument(
        "--model",
        choices=tuple(TRAIN),
        default="transfer",
        help="the kind of model (default: the kind that ships); all: every classic model that is missing",
    )
    parser.add_argument("--features", type=Path, nargs="+", metavar="FILE", help="feature files for a classic model")
    parser.add_argument("--split", help=f"{', '.join(NAMED)}, or a file of lines song,train and song,test")
    parser.add_argument("--tune", choices=("grid", "optuna"), help="search settings by cross-validation")
    parser.add_argument("--trials", type=int, default=20, help="the most settings that a search tries")
    parser.add_argument("--epochs", type=int, default=60, help="the most epochs of a network")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same model")
    _add_lyrics_options(parser)
    return parser


def _add_lyrics_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("with --task lyrics").add_argument
    add("--texts", type=Path, metavar="FILE", help="a .csv or .csv.gz with the columns text and genre")
    add("--audio", type=Path, metavar="FOLDER", help="one sub-folder of songs per genre, to transcribe first")
    add("--parts", choices=tuple(lyrics.PARTS), default=lyrics.TFIDF, help="what the model learns from")
    add("--without-bpm", action="store_true", help="leave the tempo out of a network")
    add("--text-model", default=TEXT_MODEL, metavar="NAME", help="a model or folder, or scratch (default: %(default)s)")
    add("--fine-tune", action="store_true", help="train a pretrained text model too")
    add("--word-vectors", type=Path, metavar="FILE", help="published word vectors (default: fitted to the texts)")
    add("--language", metavar="CODE", help="en, ko or another (default: the most frequent one)")
    add("--asr-model", default=ASR_MODEL, metavar="NAME", help="the model that transcribes (default: %(default)s)")
    models = DEFAULT_HOME / MODELS_FOLDER_NAME
    add("--models", type=Path, default=models, metavar="FOLDER", help="downloaded models (default: var/models)")


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    by_task = {"genre": TRAIN[options.model], "mood": mood.train, "lyrics": lyrics.train}
    by_task[options.task](options)


if __name__ == "__main__":
    raise SystemExit(main())
