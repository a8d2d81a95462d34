"""docs/neighbours.md, written from the figures. Nothing is computed here."""

from __future__ import annotations

from typing import Any

from ml.evaluate import markdown
from ml.evaluate.markdown import decimal, table

PRECISION = """Of the three nearest neighbours of a whole GTZAN clip: the share by the same artist (for artists with
other clips) and the share of the same genre:"""
SHORT_CLIPS = """Many tracks of the reference catalogue have only a clip of two or three seconds. For whole tracks
others have published mean and deviation of the pitch classes, and taggrams, from which the trunk's output is
estimated. The same two shares, with short clips as queries:"""


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
