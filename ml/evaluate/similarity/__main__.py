"""`python -m ml.evaluate.similarity`: how well each descriptor finds similar tracks; writes docs/neighbours.md."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ml.evaluate import markdown
from ml.evaluate.similarity import page
from ml.evaluate.similarity.measure import measure
from ml.pipeline import load
from ml.train.command import command
from ml.train.similarity.__main__ import CACHE_FOLDER
from ml.train.similarity.cross_validation import SearchTask
from ml.train.similarity.recording_pieces import read_pieces


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluate.similarity",
        description="Measure how often each descriptor finds the second half of a song by its first.",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON and write no page")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument("--cache", type=Path, default=CACHE_FOLDER, help="folder of cached features")
    parser.add_argument("--output", type=Path, default=Path("docs/neighbours.md"), help="the page to write")
    return parser


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    with load() as pipeline:
        pieces = list(read_pieces(options.shared, pipeline, options.cache))
    figures = measure(SearchTask.of(pieces), options.shared)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        markdown.save(options.output, page.write(figures))


if __name__ == "__main__":
    raise SystemExit(main())
