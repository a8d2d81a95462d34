"""Learn the constants of tempo and key from the annotated clips: `python -m ml.tuning --shared ../shared`.

Writes `weight/tempo.json` and `weight/key.json`, each with a card of what it was fitted on and how well it
does in-sample and cross-validated by artist. A song's genre is only known by estimate in the product, so it
is estimated here too: by a small classifier that never heard the artist. Half of the training is without
any genre, so that one set of weights serves both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml import choice, fitted
from ml.annotated import LONG_SECONDS, Annotation, Song, read_annotations, read_songs
from ml.choice import Mask
from ml.fitted import Fitted, Floats
from ml.questions import Genre, KeyQuestion, Question, TempoQuestion

SEEDS = (0, 1, 2)
"""Fold assignments that the cross-validated figures are averaged over."""

GENRES = ("none", "estimated", "labelled")
"""What is known of a song's genre: nothing, a stand-in classifier's guess, the collection's label."""


def main(argv: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    gtzan = options.shared / "gtzan"
    annotations = read_annotations(gtzan)
    songs = read_songs(annotations)
    for question in (TempoQuestion(), KeyQuestion()):
        tuned = tune(question, songs, annotations, sources=_hashes(gtzan, question.name))
        print(_summary(question.name, tuned["card"]["figures"]))
        if not options.dry_run:
            file = options.out / f"{question.name}.json"
            file.write_text(json.dumps(tuned, indent=1) + "\n", encoding="utf-8")
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml.tuning", description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder that holds gtzan/")
    parser.add_argument("--out", type=Path, default=fitted.WEIGHT_FOLDER, help="where the JSON files go")
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    return parser


def tune(
    question: Question, songs: Sequence[Song], annotations: Sequence[Annotation], *, sources: dict[str, str]
) -> dict[str, Any]:
    """The JSON file of one question: weights, priors, calibration and card."""
    songs = [song for song in songs if question.teaches(song.facts)]
    priors = question.priors(annotations)
    weights = np.round(train(question, songs, priors), 4)
    runs = [held_out_shares(question, songs, annotations, seed=seed) for seed in SEEDS]
    calibration = _calibrate(question, songs, [run[known] for run in runs for known in GENRES[:2]])
    fitted_shares = {known: answer(question, songs, priors, weights, known) for known in GENRES}
    card = {
        "what": f"{question.name} by a conditional logit over {len(priors)} genres' annotated clips of GTZAN",
        "command": "python -m ml.tuning --shared ../shared",
        "songs": len(songs),
        "ridge": question.ridge,
        "sources": sources,
        "figures": {
            "in_sample": {known: _figures(question, songs, [fitted_shares[known]]) for known in GENRES},
            "cross_validated": {
                known: _figures(question, songs, [run[known] for run in runs]) for known in GENRES
            },
            "calibration": _calibration_figures(question, songs, runs, calibration),
        },
    }
    return {
        "card": card,
        "calibration": [round(number, 4) for number in calibration],
        "weights": weights.tolist(),
        "priors": {label: prior.tolist() for label, prior in priors.items()},
    }


def train(question: Question, songs: Sequence[Song], priors: dict[str, Floats]) -> Floats:
    """Fit on every song twice: with its estimated genre and with none."""
    known = [_genre(song, kind) for kind in ("estimated", "none") for song in songs]
    rows = [question.features(song, priors, genre) for song, genre in zip([*songs, *songs], known, strict=True)]
    right = np.stack([question.right(song.facts) for song in songs])
    importance = np.array([question.importance(song.facts) / 2 for song in songs])
    return choice.fit(
        np.stack(rows), np.tile(right, (2, 1)), ridge=question.ridge, importance=np.tile(importance, 2)
    )


def answer(
    question: Question, songs: Sequence[Song], priors: dict[str, Floats], weights: Floats, known: str
) -> Floats:
    """(songs, alternatives) probabilities, with what is `known` of the genre."""
    rows = [question.features(song, priors, _genre(song, known)) for song in songs]
    return question.likelihood(np.stack(rows), weights)


def held_out_shares(
    question: Question, songs: Sequence[Song], annotations: Sequence[Annotation], *, seed: int
) -> dict[str, Floats]:
    """For each of `GENRES`, (songs, alternatives) from models, and priors, without the song's artist."""
    artists = [song.facts.artist for song in songs]
    alternatives = len(question.right(songs[0].facts))

    def predict(held_out: Mask) -> Floats:
        away = {artist for artist, out in zip(artists, held_out, strict=True) if out}
        priors = question.priors([facts for facts in annotations if facts.artist not in away])
        taught = [song for song, out in zip(songs, held_out, strict=True) if not out]
        asked = [song for song, out in zip(songs, held_out, strict=True) if out]
        weights = train(question, taught, priors)
        return np.stack([answer(question, asked, priors, weights, known) for known in GENRES], axis=1)

    shares = choice.cross_validate(predict, artists, shape=(len(songs), len(GENRES), alternatives), seed=seed)
    return {known: shares[:, place] for place, known in enumerate(GENRES)}


def _genre(song: Song, known: str) -> Genre:
    return {"none": None, "estimated": song.genre, "labelled": {song.facts.genre: 1.0}}[known]


def _judged(songs: Sequence[Song]) -> list[int]:
    return [place for place, song in enumerate(songs) if song.facts.long]


def _figures(question: Question, songs: Sequence[Song], runs: Sequence[Floats]) -> dict[str, Any]:
    """Mean strict and lenient score over the long clips, apart for classical and the others."""
    out: dict[str, Any] = {}
    for name, wanted in (("classical", True), ("others", False)):
        places = [i for i in _judged(songs) if (songs[i].facts.genre == "classical") == wanted]
        if places:
            scores = [question.score(songs[i], run[i]) for run in runs for i in places]
            strict, lenient = np.mean(scores, axis=0)
            out[name] = {"strict": round(strict, 3), "lenient": round(lenient, 3), "n": len(places)}
    return out


def _verdicts(question: Question, songs: Sequence[Song], shares: Floats) -> tuple[Floats, Mask]:
    """Probability of the chosen answer and whether it was right, for the long clips."""
    places = _judged(songs)
    correct = [question.score(songs[i], shares[i])[0] == 1.0 for i in places]
    return shares[places].max(axis=1), np.array(correct)


def _calibrate(question: Question, songs: Sequence[Song], runs: Sequence[Floats]) -> tuple[float, float]:
    verdicts = [_verdicts(question, songs, run) for run in runs]
    return choice.calibrate(np.concatenate([v[0] for v in verdicts]), np.concatenate([v[1] for v in verdicts]))


def _calibration_figures(
    question: Question, songs: Sequence[Song], runs: Sequence[dict[str, Floats]], line: tuple[float, float]
) -> dict[str, float]:
    verdicts = [_verdicts(question, songs, run["estimated"]) for run in runs]
    sure = np.array([fitted.confidence(float(p), line) for v in verdicts for p in v[0]])
    correct = np.concatenate([v[1] for v in verdicts])
    half = sure >= np.median(sure)
    return {
        "expected_calibration_error": round(choice.calibration_error(sure, correct), 3),
        "right_among_surer_half": round(float(correct[half].mean()), 3),
        "right_among_others": round(float(correct[~half].mean()), 3),
    }


def _hashes(gtzan: Path, name: str) -> dict[str, str]:
    files = (gtzan / f"{name}.csv", gtzan / "clips.csv", gtzan / "tracks.csv")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _summary(name: str, figures: dict[str, Any]) -> str:
    lines = [f"{name}: strict / lenient, clips of {LONG_SECONDS:.0f} s or longer"]
    for sample in ("in_sample", "cross_validated"):
        for known, groups in figures[sample].items():
            cells = [f"{g} {s['strict']:.3f} / {s['lenient']:.3f} (n={s['n']})" for g, s in groups.items()]
            lines.append(f"  {sample:15} genre {known:9}  " + "  ".join(cells))
    lines.append(f"  calibration {figures['calibration']}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
