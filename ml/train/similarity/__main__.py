"""`python -m ml.train.similarity`: fit the projections of harmony and sound on all clips of the research collections.

It writes `weight/neighbours.npz` with its card. `python -m ml.evaluate.similarity` compares them with others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.models.card import Card
from ml.pipeline import load
from ml.report.progress import show_progress
from ml.similarity import harmony, projection, timbre
from ml.train.command import command, offline_parser
from ml.train.similarity.cross_validation import FoldProjections, SearchTask, search_figures
from ml.train.similarity.methods import SHIPPED
from ml.train.similarity.projection import save
from ml.train.similarity.recording_pieces import read_pieces

CACHE_FOLDER = Path(".cache/pieces")


def build_parser() -> argparse.ArgumentParser:
    parser = offline_parser(
        "ml.train.similarity", "Fit the projections that similar songs are found by.", cache=CACHE_FOLDER
    )
    parser.add_argument("--output", type=Path, default=projection.WEIGHTS, help="the weight file")
    return parser


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    with load() as pipeline:
        task = SearchTask.of(list(read_pieces(options.shared, pipeline, options.cache)))
    logit = {method.kind: FoldProjections.of(method, task) for method in SHIPPED}
    show_progress("fitting\n")
    card = Card(
        name="neighbours",
        version="1",
        labels=projection.KINDS,
        settings={"harmony_version": harmony.VERSION, "sound_version": timbre.VERSION},
        data={"clips": len(task.artists), "collections": ["GTZAN", "Emotify"]},
        metrics={"other_half": {kind: search_figures(one) for kind, one in logit.items()}},
        licence="MIT; learnt from GTZAN and Emotify, of which it holds no audio",
    )
    save({kind: one.all() for kind, one in logit.items()}, card, options.output)
    show_progress(f"{options.output}: {card.metrics}\n")


if __name__ == "__main__":
    raise SystemExit(main())
