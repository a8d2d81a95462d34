"""The other half, measured: how often a song's second half is found by its first, whatever was done to it.

    python -m library.measure [--fit] [--output FILE]

Every figure comes from projections that never heard the artist of the asking song: the clips are split five ways by
artist, and each fifth asks through what the other four taught. `--fit` learns the shipped projection from all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from library import harmony, projection, sound
from library.halves import MP3, UNTOUCHED, Heard, hear_halves
from library.methods import METHODS, Method
from library.projection import Projection
from ml.card import Card
from ml.pipeline import load
from ml.progress import tell
from ml.train.corpus import GTZAN

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
Figures = dict[str, dict[str, float]]

FOLDS = 5
SEED = 11
TRANSPOSED = "transposed ±1 to ±6"
QUESTIONS = (UNTOUCHED, TRANSPOSED, MP3, "tempo +5 %", "tempo -5 %")


@dataclass(frozen=True)
class Halves:
    """Everything heard: the library's pieces first those of the asking clips, and the questions by kind."""

    library: list[Heard]
    asked: dict[str, list[tuple[int, Heard]]]
    whole: list[Heard]
    artists: list[str]


def gather(heard: Sequence[Heard]) -> Halves:
    long = [one for one in heard if one.part == "second"]
    place = {one.example.name: number for number, one in enumerate(long)}
    short = [one for one in heard if one.part == "whole" and one.example.name not in place]
    asked: dict[str, list[tuple[int, Heard]]] = {question: [] for question in QUESTIONS}
    for one in heard:
        if one.part == "first":
            question = TRANSPOSED if one.change.startswith("transposed") else one.change
            asked[question].append((place[one.example.name], one))
    whole = [one for one in heard if one.part == "whole"]
    return Halves(long + short, asked, whole, [one.example.artist for one in long])


def measure(halves: Halves) -> dict[str, Any]:
    """All figures: per method and question the share found first and among three; same artist and genre at three."""
    return {
        "clips_asking": len(halves.artists),
        "library": len(halves.library),
        "other_half": {method.name: other_half(method, halves) for method in METHODS},
        "precision_at_3": {**{m.name: precision(m, halves) for m in METHODS}, "chance": chance(halves)},
    }


def other_half(method: Method, halves: Halves) -> Figures:
    library = np.stack([method.features(one) for one in halves.library])
    folds = _folds(halves.artists)
    asked = {question: _finite(method, pairs) for question, pairs in halves.asked.items()}
    ranks: dict[str, list[int]] = {question: [] for question in QUESTIONS}
    for fold in range(FOLDS):
        learnt = _teach(method, halves, library, asked, folds != fold)
        vectors = learnt(library)
        for question, (owners, features) in asked.items():
            mine = folds[owners] == fold
            if mine.any():
                ranks[question] += _ranks(method, learnt(features[mine]), vectors, owners[mine])
    return {
        question: {"top1": _share(found, 1), "top3": _share(found, 3), "questions": len(found)}
        for question, found in ranks.items()
    }


def precision(method: Method, halves: Halves) -> dict[str, float]:
    """Share of a whole clip's three nearest that are by its artist (where there are others) or of its genre.

    GTZAN's clips alone, whose artists are known.
    """
    clips = [one for one in halves.whole if one.example.collection == GTZAN]
    features = np.stack([method.features(one) for one in clips])
    artists = np.array([one.example.artist for one in clips])
    genres = np.array([one.example.label for one in clips])
    library = np.stack([method.features(one) for one in halves.library])
    asked = {question: _finite(method, pairs) for question, pairs in halves.asked.items()}
    folds, of_clip = _folds(halves.artists), _folds(artists.tolist(), halves.artists)
    by_artist, by_genre = [], []
    for fold in range(FOLDS):
        learnt = _teach(method, halves, library, asked, folds != fold)
        vectors = learnt(features)
        mine = np.flatnonzero(of_clip == fold)
        apart = _distances(method, vectors[mine], vectors)
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


def fit(halves: Halves) -> dict[str, Projection]:
    """The projections that ship, from every clip."""
    fitted = {}
    for method in METHODS:
        if method.recipe is not None:
            library = np.stack([method.features(one) for one in halves.library])
            asked = {question: _finite(method, pairs) for question, pairs in halves.asked.items()}
            fitted[method.kind] = _learn(method, halves, library, asked, np.ones(len(halves.artists), bool))
    return fitted


def _teach(
    method: Method,
    halves: Halves,
    library: Floats,
    asked: Mapping[str, tuple[Rows, Floats]],
    taught: npt.NDArray[np.bool_],
) -> Callable[[Floats], Floats]:
    if method.recipe is None:
        return lambda features: features
    return _learn(method, halves, library, asked, taught).apply


def _learn(
    method: Method,
    halves: Halves,
    library: Floats,
    asked: Mapping[str, tuple[Rows, Floats]],
    taught: npt.NDArray[np.bool_],
) -> Projection:
    """Learn from the clips that are `taught`: their second halves and every way in which their first halves ask."""
    if method.recipe is None:
        raise ValueError(f"{method.name} learns nothing")
    numbers = np.flatnonzero(taught)
    pieces, recordings = [library[numbers]], [numbers]
    for owners, features in asked.values():
        inside = taught[owners]
        pieces.append(features[inside])
        recordings.append(owners[inside])
    return projection.learn(np.concatenate(pieces), np.concatenate(recordings), method.recipe)


def _finite(method: Method, pairs: Sequence[tuple[int, Heard]]) -> tuple[Rows, Floats]:
    """Owners and features of the questions that this method was given; the trunk did not hear every transposition."""
    features = np.stack([method.features(one) for _, one in pairs])
    heard = np.isfinite(features).all(axis=1)
    return np.array([owner for owner, _ in pairs])[heard], features[heard]


def _distances(method: Method, questions: Floats, vectors: Floats) -> npt.NDArray[np.float64]:
    """Squared distances (questions, vectors); of mean chroma under the best of twelve rotations."""
    turns = range(12) if method.kind == "rotation" else range(1)
    squares = np.sum(vectors.astype(float) ** 2, axis=1)[None]
    own = np.sum(questions.astype(float) ** 2, axis=1)[:, None]
    apart = [own + squares - 2 * np.roll(questions, turn, axis=1).astype(float) @ vectors.T for turn in turns]
    nearest: npt.NDArray[np.float64] = np.min(apart, axis=0)
    return nearest


def _ranks(method: Method, questions: Floats, vectors: Floats, owners: Rows) -> list[int]:
    apart = _distances(method, questions, vectors)
    own = apart[np.arange(len(owners)), owners]
    ranks: list[int] = (apart < own[:, None]).sum(axis=1).tolist()
    return ranks


def _folds(artists: Sequence[str], known: Sequence[str] | None = None) -> Rows:
    """A fifth for every artist; those that nobody learns from are dealt out by their place among all names."""
    names = sorted(set(known or artists))
    order = np.random.default_rng(SEED).permutation(len(names))
    fold = {name: int(order[place]) % FOLDS for place, name in enumerate(names)}
    return np.array([fold.get(artist, len(artist) % FOLDS) for artist in artists])


def _share(ranks: Sequence[int], count: int) -> float:
    return round(float(np.mean(np.array(ranks) < count)), 3) if ranks else 0.0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m library.measure", description="Does half a song find the rest?"
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
    from library.measured import page

    arguments = build_parser().parse_args(argv)
    with load() as ear:
        heard = list(hear_halves(arguments.shared, ear, arguments.cache, tell))
    halves = gather(heard)
    figures = measure(halves)
    if arguments.fit:
        projection.save(fit(halves), _card(figures))
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
        settings={"harmony_version": harmony.VERSION, "sound_version": sound.VERSION},
        data={"clips": figures["clips_asking"], "collections": ["GTZAN", "Emotify"]},
        metrics=figures,
        licence="MIT; learnt from GTZAN and Emotify, of which it holds no audio",
    )


if __name__ == "__main__":
    sys.exit(main())
