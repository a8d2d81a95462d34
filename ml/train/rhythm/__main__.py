"""Learn the constants of tempo and key from the annotated clips: `python -m ml.train.rhythm --shared ../shared`.

Writes `weight/tempo.json` and `weight/key.json`, each with a card of what it was fitted on and how well it
does in-sample and cross-validated by artist; the command takes a quarter of a minute.
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
from ml.train.rhythm import trial
from ml.train.rhythm.songs import LONG_SECONDS, Annotation, Song, read_annotations, read_songs
from ml.train.rhythm.tasks import KeyQuestion, Question, TempoQuestion

SEEDS = (0, 1, 2)
"""Fold assignments that the cross-validated figures are averaged over."""

Tuned = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    gtzan = options.shared / "gtzan"
    annotations = read_annotations(gtzan)
    songs = read_songs(annotations)
    for question in (TempoQuestion(), KeyQuestion()):
        tuned = tune(question, songs, annotations)
        tuned["card"]["sources"] = _hashes(gtzan, question.name)
        print(summarise(question, tuned["card"]["figures"]))
        if not options.dry_run:
            (options.out / f"{question.name}.json").write_text(_dump(tuned), encoding="utf-8")
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.train.rhythm", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder that holds gtzan/")
    parser.add_argument("--out", type=Path, default=WEIGHT_FOLDER, help="where the JSON files go")
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    return parser


def tune(question: Question, songs: Sequence[Song], annotations: Sequence[Annotation]) -> Tuned:
    """The JSON file of one question: card, calibration, weights and priors."""
    songs = [song for song in songs if question.teaches(song.facts)]
    priors = question.priors(annotations)
    weights = np.round(trial.train(question, songs, priors), 4)
    runs = [trial.hold_out(question, songs, annotations, seed=seed) for seed in SEEDS]
    calibration = trial.calibrate(question, songs, runs)
    own = {known: trial.answer(question, songs, priors, weights, known) for known in question.knowledge}
    card = {
        "what": f"{question.name}: a linear score per alternative, fitted on annotated clips of GTZAN",
        "command": "python -m ml.train.rhythm --shared ../shared",
        "songs": len(songs),
        "ridge": question.ridge,
        "figures": {
            "in_sample": trial.figures(question, songs, [own]),
            "cross_validated": trial.figures(question, songs, runs),
            "calibration": trial.calibration_figures(question, songs, runs, calibration),
        },
    }
    return {
        "card": card,
        "calibration": [round(number, 4) for number in calibration],
        "weights": weights.tolist(),
        "priors": {label: prior.tolist() for label, prior in priors.items()},
    }


def summarise(question: Question, figures: dict[str, Any]) -> str:
    """The figures of a card as lines for a terminal."""
    strict, lenient = question.measures
    lines = [f"{question.name}: {strict} / {lenient}, clips of {LONG_SECONDS:.0f} s or longer"]
    for sample in ("in_sample", "cross_validated"):
        for known, groups in figures[sample].items():
            cells = [f"{g} {s[strict]:.3f} / {s[lenient]:.3f} (n={s['n']})" for g, s in groups.items()]
            lines.append(f"  {sample:15}  genre {known:9}  " + "  ".join(cells))
    lines.append(f"  calibration {figures['calibration']}")
    return "\n".join(lines)


def _hashes(gtzan: Path, name: str) -> dict[str, str]:
    files = (gtzan / f"{name}.csv", gtzan / "clips.csv", gtzan / "tracks.csv")
    return {file.name: hash_file(file) for file in files}


def _dump(tuned: Tuned) -> str:
    """One line per part: a card that can be read, arrays that do not fill the screen."""
    parts = [f"{json.dumps(name)}: {json.dumps(part)}" for name, part in tuned.items() if name != "card"]
    card = json.dumps(tuned["card"], indent=1)
    return "{\n" + ",\n".join([f'"card": {card}', *parts]) + "\n}\n"


if __name__ == "__main__":
    raise SystemExit(main())
