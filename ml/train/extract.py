"""`python -m ml.train.extract FOLDER -o features.npz`: hand-crafted features of labelled songs, for scikit-learn."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ml.report.errors import SoriError
from ml.report.progress import show_progress
from ml.train.data import labelled_features
from ml.train.data.cache import Cache


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.train.extract", description="Extract hand-crafted features of labelled songs."
    )
    parser.add_argument("folder", type=Path, help="a folder with one sub-folder of songs per genre")
    parser.add_argument("-o", "--output", type=Path, default=Path("features.npz"), help="the feature file")
    parser.add_argument("--windows", action="store_true", help="a row for every three seconds, not per song")
    parser.add_argument(
        "--cache", type=Path, default=labelled_features.CACHE_FOLDER, help="where features are kept"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    try:
        songs = labelled_features.labelled(options.folder)
        table = labelled_features.gather(songs, Cache(options.cache), show_progress, windows=options.windows)
        table.save(options.output)
    except SoriError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. Finished songs are kept; the same command continues from there.", file=sys.stderr)
        return 130
    rows, columns = table.features.shape
    show_progress(
        f"{options.output}: {rows} rows, {columns} features, {len(set(table.songs.tolist()))} songs\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
