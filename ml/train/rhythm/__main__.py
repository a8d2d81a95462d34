"""`python -m ml.train.rhythm --shared ../shared`: fit the weights of tempo and key on the annotated clips.

It writes `weight/tempo.json` and `weight/key.json` in a quarter of a minute. The card in each names the training data
and the figures, in-sample and cross-validated by artist.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.models.card import hash_file
from ml.paths import WEIGHT_FOLDER
from ml.train.command import command, offline_parser
from ml.train.data.corpus import LONG_SECONDS
from ml.train.rhythm import cross_validation
from ml.train.rhythm.songs import AnnotatedSong, Annotation, read_annotations, read_songs
from ml.train.rhythm.tasks import EstimationTask, KeyTask, TempoTask

SEEDS = (0, 1, 2)
"""Fold assignments that the cross-validated figures are averaged over."""

LogitModel = dict[str, Any]


def build_parser() -> argparse.ArgumentParser:
    parser = offline_parser("ml.train.rhythm", "Train tempo and key.")
    parser.add_argument("--out", type=Path, default=WEIGHT_FOLDER, help="the folder of the JSON files")
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    return parser


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    gtzan = options.shared / "gtzan"
    annotations = read_annotations(gtzan)
    songs = read_songs(annotations)
    for task in (TempoTask(), KeyTask()):
        logit = fit(task, songs, annotations)
        sources = [gtzan / f"{name}.csv" for name in (task.name, "clips", "tracks")]
        logit["card"]["sources"] = {path.name: hash_file(path) for path in sources}
        print(summarise(task, logit["card"]["figures"]))
        if not options.dry_run:
            (options.out / f"{task.name}.json").write_text(_dump(logit), encoding="utf-8")


def fit(task: EstimationTask, songs: Sequence[AnnotatedSong], annotations: Sequence[Annotation]) -> LogitModel:
    """The JSON file of one task: card, calibration, weights and priors."""
    songs = [song for song in songs if task.can_train_on(song.annotation)]
    priors = task.priors(annotations)
    weights = np.round(cross_validation.train(task, songs, priors), 4)
    runs = [cross_validation.cross_validate(task, songs, annotations, seed=seed) for seed in SEEDS]
    calibration = cross_validation.calibrate(task, songs, runs)
    in_sample = {
        genre_input: cross_validation.predict(task, songs, priors, weights, genre_input)
        for genre_input in task.genre_inputs
    }
    card = {
        "what": f"{task.name}: a linear score per alternative, fitted on annotated clips of GTZAN",
        "command": "python -m ml.train.rhythm --shared ../shared",
        "songs": len(songs),
        "ridge": task.ridge,
        "figures": {
            "in_sample": cross_validation.figures(task, songs, [in_sample]),
            "cross_validated": cross_validation.figures(task, songs, runs),
            "calibration": cross_validation.calibration_figures(task, songs, runs, calibration),
        },
    }
    return {
        "card": card,
        "calibration": [round(number, 4) for number in calibration],
        "weights": weights.tolist(),
        "priors": {label: prior.tolist() for label, prior in priors.items()},
    }


def summarise(task: EstimationTask, figures: dict[str, Any]) -> str:
    """The figures of a card as lines for a terminal."""
    strict, lenient = task.measures
    lines = [f"{task.name}: {strict} / {lenient}, clips of {LONG_SECONDS:.0f} s or longer"]
    for sample in ("in_sample", "cross_validated"):
        for genre_input, groups in figures[sample].items():
            cells = [f"{g} {s[strict]:.3f} / {s[lenient]:.3f} (n={s['n']})" for g, s in groups.items()]
            lines.append(f"  {sample:15}  genre {genre_input:9}  " + "  ".join(cells))
    lines.append(f"  calibration {figures['calibration']}")
    return "\n".join(lines)


def _dump(logit: LogitModel) -> str:
    """The card indented, every array on one line."""
    parts = [f"{json.dumps(name)}: {json.dumps(part)}" for name, part in logit.items() if name != "card"]
    card = json.dumps(logit["card"], indent=1)
    return "{\n" + ",\n".join([f'"card": {card}', *parts]) + "\n}\n"


if __name__ == "__main__":
    raise SystemExit(main())
