"""`python -m ml.predict --input song.mp3`: genre probabilities of one file, with any weight file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ml.report.cells import clean
from ml.report.errors import SoriError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml.predict", description="Classify the genre of one file.")
    parser.add_argument("--input", type=Path, required=True, metavar="FILE", help="the song")
    parser.add_argument("--model", type=Path, metavar="WEIGHTS", help="a weight file (default: the shipped one)")
    parser.add_argument("--json", action="store_true", help="the genre part of the report as JSON")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    from ml.pipeline import load  # here, so that --help does not wait for NumPy and SciPy

    try:
        with load(options.model) as pipeline:
            genre = pipeline.analyse(options.input).genre
    except SoriError as error:
        print(clean(str(error)), file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(asdict(genre), ensure_ascii=False))
        return 0
    for score in genre.scores:
        print(f"{clean(score.label):<16} {score.probability:6.1%}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
