"""`python -m ml.evaluate.similarity`: how often the second half of a song is found by its first, for each descriptor.

Every figure comes from projections that were fitted without the artist of the query: the clips are divided into five
folds by artist, and the queries of each use the projection of the other four.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.evaluate.similarity import cuts
from ml.pipeline import load
from ml.report.progress import show_progress
from ml.train.data.corpus import GTZAN
from ml.train.data.folds import FOLDS
from ml.train.similarity.__main__ import CACHE_FOLDER
from ml.train.similarity.cross_validation import (
    Figures,
    FoldProjections,
    SearchTask,
    distances,
    folds_of_artists,
    search_figures,
)
from ml.train.similarity.methods import METHODS, SHIPPED
from ml.train.similarity.recording_pieces import read_pieces


def measure(halves: SearchTask, shared: Path) -> dict[str, Any]:
    """Per method and query the share found first and among three; same artist and genre at three."""
    found: dict[str, Figures] = {}
    alike: dict[str, dict[str, float]] = {}
    shipped: dict[str, FoldProjections] = {}
    for method in METHODS:
        show_progress(f"{method.name}\n")
        lessons = FoldProjections.of(method, halves)
        found[method.name] = search_figures(lessons)
        alike[method.name] = precision(lessons, halves)
        if method in SHIPPED:
            shipped[method.kind] = lessons
    return {
        "clips_asking": len(halves.artists),
        "library": len(halves.library),
        "other_half": found,
        "precision_at_3": {**alike, "chance": chance(halves)},
        "cuts": cuts.compare(halves, shipped, shared),
    }


def precision(lessons: FoldProjections, halves: SearchTask) -> dict[str, float]:
    """Share of a whole clip's three nearest that are by its artist (where there are others) or of its genre.

    GTZAN's clips alone, whose artists are known.
    """
    clips = [one for one in halves.whole if one.example.collection == GTZAN]
    features = np.stack([lessons.method.features(one) for one in clips])
    artists = np.array([one.example.artist for one in clips])
    genres = np.array([one.example.label for one in clips])
    of_clip = folds_of_artists(artists.tolist(), halves.artists)
    by_artist, by_genre = [], []
    for fold in range(FOLDS):
        vectors = lessons.without(fold)(features)
        mine = np.flatnonzero(of_clip == fold)
        apart = distances(lessons.method, vectors[mine], vectors)
        apart[np.arange(len(mine)), mine] = np.inf
        near = np.argsort(apart, axis=1, kind="stable")[:, :3]
        others = (artists[mine][:, None] == artists[None]).sum(axis=1) > 1
        by_artist += (artists[near] == artists[mine][:, None]).mean(axis=1)[others].tolist()
        by_genre += (genres[near] == genres[mine][:, None]).mean(axis=1).tolist()
    return {"artist": round(float(np.mean(by_artist)), 3), "genre": round(float(np.mean(by_genre)), 3)}


def chance(halves: SearchTask) -> dict[str, float]:
    clips = [one.example for one in halves.whole if one.example.collection == GTZAN]
    artists, genres = (np.array([getattr(one, name) for one in clips]) for name in ("artist", "label"))
    alike = [(names[:, None] == names[None]).sum(axis=1) - 1 for names in (artists, genres)]
    others = alike[0] > 0
    return {
        "artist": round(float(alike[0][others].mean() / (len(clips) - 1)), 3),
        "genre": round(float(alike[1].mean() / (len(clips) - 1)), 3),
    }


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluate.similarity.__main__", description="Does half a song find the rest?"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON and write no page")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument("--cache", type=Path, default=CACHE_FOLDER, help="the folder of cached features")
    parser.add_argument("--output", type=Path, default=Path("docs/neighbours.md"), help="the page to write")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    from ml.evaluate.similarity.page import page

    arguments = build_parser().parse_args(argv)
    with load() as pipeline:
        heard = list(read_pieces(arguments.shared, pipeline, arguments.cache, show_progress))
    figures = measure(SearchTask.of(heard), arguments.shared)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        arguments.output.write_text(page(figures), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
