"""The other half, measured: how often a song's second half is found by its first, whatever was done to it.

    python -m ml.evaluate.similarity.__main__ [--fit] [--output FILE]

Every figure comes from projections that never heard the artist of the asking song: the clips are split five ways by
artist, and each fifth asks through what the other four taught. `--fit` learns the shipped projection from all of them.
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
from ml.features.arrays import Doubles, Floats, Indices
from ml.models.card import Card
from ml.pipeline import load
from ml.report.progress import show_progress
from ml.similarity import harmony, projection, timbre
from ml.similarity.projection import KINDS, Projection
from ml.train.data.corpus import GTZAN
from ml.train.similarity.folds import FOLDS, Halves, Lessons, fold_of
from ml.train.similarity.halves import MP3, UNTOUCHED, Piece, crops, read_pieces
from ml.train.similarity.methods import METHODS, Method
from ml.train.similarity.projection import save

Figures = dict[str, dict[str, float]]

TRANSPOSED = "transposed ±1 to ±6"
QUESTIONS = (UNTOUCHED, TRANSPOSED, MP3, "tempo +5 %", "tempo -5 %")


def gather(heard: Sequence[Piece]) -> Halves:
    long = [one for one in heard if one.part == "second"]
    place = {one.example.name: number for number, one in enumerate(long)}
    short = [one for one in heard if one.part == "whole" and one.example.name not in place]
    asked: dict[str, list[tuple[int, Piece]]] = {question: [] for question in QUESTIONS}
    for one in heard:
        if one.part == "first":
            question = TRANSPOSED if one.change.startswith("transposed") else one.change
            asked[question].append((place[one.example.name], one))
    whole = [one for one in heard if one.part == "whole"]
    cut = [
        (place[one.example.name], crop)
        for number, one in enumerate(whole)
        if one.example.name in place
        for crop in crops(one, number)
    ]
    return Halves(long + short, asked, cut, whole, [one.example.artist for one in long])


def measure(halves: Halves, shared: Path) -> tuple[dict[str, Any], dict[str, Projection]]:
    """All figures, and the projections that ship, learnt from every clip.

    Figures per method and question are the share found first and among three; same artist and genre at three.
    """
    found: dict[str, Figures] = {}
    alike: dict[str, dict[str, float]] = {}
    fitted: dict[str, Projection] = {}
    shipped: dict[str, Lessons] = {}
    for method in METHODS:
        show_progress(f"{method.name}\n")
        lessons = Lessons.of(method, halves)
        found[method.name] = other_half(lessons)
        alike[method.name] = precision(lessons, halves)
        if method.kind in KINDS and method.recipe is not None:
            fitted[method.kind] = lessons.all()
            shipped[method.kind] = lessons
    figures = {
        "clips_asking": len(halves.artists),
        "library": len(halves.library),
        "other_half": found,
        "precision_at_3": {**alike, "chance": chance(halves)},
        "cuts": cuts.compare(halves, shipped, shared),
    }
    return figures, fitted


def other_half(lessons: Lessons) -> Figures:
    ranks: dict[str, list[int]] = {question: [] for question in QUESTIONS}
    for fold in range(FOLDS):
        learnt = lessons.without(fold)
        vectors = learnt(lessons.library)
        for question, (owners, features) in lessons.asked.items():
            mine = lessons.folds[owners] == fold
            if mine.any():
                ranks[question] += _ranks(lessons.method, learnt(features[mine]), vectors, owners[mine])
    return {
        question: {"top1": _share(found, 1), "top3": _share(found, 3), "questions": len(found)}
        for question, found in ranks.items()
    }


def precision(lessons: Lessons, halves: Halves) -> dict[str, float]:
    """Share of a whole clip's three nearest that are by its artist (where there are others) or of its genre.

    GTZAN's clips alone, whose artists are known.
    """
    clips = [one for one in halves.whole if one.example.collection == GTZAN]
    features = np.stack([lessons.method.features(one) for one in clips])
    artists = np.array([one.example.artist for one in clips])
    genres = np.array([one.example.label for one in clips])
    of_clip = fold_of(artists.tolist(), halves.artists)
    by_artist, by_genre = [], []
    for fold in range(FOLDS):
        vectors = lessons.without(fold)(features)
        mine = np.flatnonzero(of_clip == fold)
        apart = _distances(lessons.method, vectors[mine], vectors)
        apart[np.arange(len(mine)), mine] = np.inf
        near = np.argsort(apart, axis=1, kind="stable")[:, :3]
        others = (artists[mine][:, None] == artists[None]).sum(axis=1) > 1
        by_artist += (artists[near] == artists[mine][:, None]).mean(axis=1)[others].tolist()
        by_genre += (genres[near] == genres[mine][:, None]).mean(axis=1).tolist()
    return {"artist": round(float(np.mean(by_artist)), 3), "genre": round(float(np.mean(by_genre)), 3)}


def chance(halves: Halves) -> dict[str, float]:
    clips = [one.example for one in halves.whole if one.example.collection == GTZAN]
    artists, genres = (np.array([getattr(one, name) for one in clips]) for name in ("artist", "label"))
    alike = [(names[:, None] == names[None]).sum(axis=1) - 1 for names in (artists, genres)]
    others = alike[0] > 0
    return {
        "artist": round(float(alike[0][others].mean() / (len(clips) - 1)), 3),
        "genre": round(float(alike[1].mean() / (len(clips) - 1)), 3),
    }


def _distances(method: Method, questions: Floats, vectors: Floats) -> Doubles:
    """Squared distances (questions, vectors); of mean chroma under the best of twelve rotations."""
    turns = range(12) if method.kind == "rotation" else range(1)
    squares = np.sum(vectors.astype(float) ** 2, axis=1)[None]
    own = np.sum(questions.astype(float) ** 2, axis=1)[:, None]
    apart = [own + squares - 2 * np.roll(questions, turn, axis=1).astype(float) @ vectors.T for turn in turns]
    nearest: Doubles = np.min(apart, axis=0)
    return nearest


def _ranks(method: Method, questions: Floats, vectors: Floats, owners: Indices) -> list[int]:
    apart = _distances(method, questions, vectors)
    own = apart[np.arange(len(owners)), owners]
    ranks: list[int] = (apart < own[:, None]).sum(axis=1).tolist()
    return ranks


def _share(ranks: Sequence[int], count: int) -> float:
    return round(float(np.mean(np.array(ranks) < count)), 3) if ranks else 0.0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluate.similarity.__main__", description="Does half a song find the rest?"
    )
    parser.add_argument("--fit", action="store_true", help="learn weight/neighbours.npz from all clips first")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON and write no page")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache/halves"), help="where what was heard is kept"
    )
    parser.add_argument("--output", type=Path, default=Path("docs/neighbours.md"), help="the page to write")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    from ml.evaluate.similarity.page import page

    arguments = build_parser().parse_args(argv)
    with load() as pipeline:
        heard = list(read_pieces(arguments.shared, pipeline, arguments.cache, show_progress))
    halves = gather(heard)
    figures, fitted = measure(halves, arguments.shared)
    if arguments.fit:
        save(fitted, _card(figures))
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        arguments.output.write_text(page(figures), encoding="utf-8")
    return 0


def _card(figures: dict[str, Any]) -> Card:
    return Card(
        name="neighbours",
        version="1",
        labels=projection.KINDS,
        settings={"harmony_version": harmony.VERSION, "sound_version": timbre.VERSION},
        data={"clips": figures["clips_asking"], "collections": ["GTZAN", "Emotify"]},
        metrics=figures,
        licence="MIT; learnt from GTZAN and Emotify, of which it holds no audio",
    )


if __name__ == "__main__":
    sys.exit(main())
