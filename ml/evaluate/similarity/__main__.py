"""`python -m ml.evaluate.similarity`: how well each descriptor finds similar tracks; writes docs/neighbours.md."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ml.evaluate import markdown
from ml.evaluate.markdown import decimal, table
from ml.evaluate.similarity.measure import measure
from ml.pipeline import load
from ml.train.command import command, offline_parser
from ml.train.similarity.__main__ import CACHE_FOLDER
from ml.train.similarity.cross_validation import SearchTask
from ml.train.similarity.recording_pieces import read_pieces

PRECISION = """Of the three nearest neighbours of a whole GTZAN clip: the share by the same artist (for artists with
other clips) and the share of the same genre:"""
SHORT_CLIPS = """Many tracks of the reference catalogue have only a clip of two or three seconds. For whole tracks
others have published mean and deviation of the pitch classes, and taggrams, from which the trunk's output is
estimated. The same two shares, with short clips as queries:"""


def build_parser() -> argparse.ArgumentParser:
    parser = offline_parser(
        "ml.evaluate.similarity",
        "Measure how often each descriptor finds the second half of a song by its first.",
        cache=CACHE_FOLDER,
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON and write no page")
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
        markdown.save(options.output, write(figures))


def write(figures: dict[str, Any]) -> str:
    second_half, precision, short = figures["second_half"], figures["precision_at_3"], figures["short_clips"]
    queries = list(next(iter(second_half.values())))
    found = [
        (name, *(f"{row[query]['top1']:.2f} / {row[query]['top3']:.2f}" for query in queries))
        for name, row in second_half.items()
    ]
    near = [(name, decimal(row["artist"]), decimal(row["genre"])) for name, row in precision.items()]
    clips = [(name, decimal(row["artist"]), decimal(row["genre"]), str(row["clips"])) for name, row in short.items()]
    return markdown.page(
        "Similar tracks",
        "python -m ml.evaluate.similarity",
        f"{figures['query_clips']} clips of 14 seconds or longer (GTZAN, Emotify) are divided in two. Each first half, "
        f"unchanged or changed, is the query to a library of {figures['library']} pieces: all second halves and all "
        "other clips. The table gives the share of queries whose second half is found first, and among the first "
        "three. Projections were fitted without the query's artist, in five folds. Each clip is a query in four of the "
        "twelve transpositions, for sound in two of them.",
        table(("descriptor", *(query.replace(" %", "%") for query in queries)), found),
        PRECISION,
        table(("descriptor", "same artist", "same genre"), near),
        "## Clips of two or three seconds",
        SHORT_CLIPS,
        table(("data of a short clip", "same artist", "same genre", "clips"), clips),
    )


if __name__ == "__main__":
    raise SystemExit(main())
