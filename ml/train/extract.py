"""`python -m ml.train.extract FOLDER -o features.npz`: hand-crafted features of labelled songs, for scikit-learn."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.report.progress import show_progress
from ml.train.classic.datasets import CACHE_FOLDER, handcrafted_table
from ml.train.command import command, offline_parser
from ml.train.data.corpus import read_folder
from ml.train.files import Cache


def build_parser() -> argparse.ArgumentParser:
    parser = offline_parser(
        "ml.train.extract", "Extract hand-crafted features of labelled songs.", shared=False, cache=CACHE_FOLDER
    )
    parser.add_argument("folder", type=Path, help="a folder with one sub-folder of songs per genre")
    parser.add_argument("-o", "--output", type=Path, default=Path("features.npz"), help="the feature file")
    parser.add_argument("--windows", action="store_true", help="a row for every three seconds, not per song")
    return parser


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    examples = read_folder(options.folder, least_genres=1)
    table = handcrafted_table(examples, Cache(options.cache), windows=options.windows)
    table.save(options.output)
    rows, columns = table.features.shape
    songs = len(set(table.songs.tolist()))
    show_progress(f"{options.output}: {rows} rows, {columns} features, {songs} songs\n")


if __name__ == "__main__":
    raise SystemExit(main())
