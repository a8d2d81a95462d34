"""`python -m ml.train --model all`: train every model that docs/lab.md compares and that is missing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from ml.models.card import WeightError, load_card
from ml.models.classic.kinds import FEATURE_KINDS, NETWORK_KINDS
from ml.report.progress import show_progress
from ml.train.classic import training

LEFT_OUT = frozenset({"svm-clips-leaky.skops"})
"""All weight files together must stay under 8 MB, and the same model is there for the tables."""

SPLITS = ("filtered", "random", "leaky")
EPOCHS = {"filtered": 40, "random": 40, "leaky": 20}
"""More epochs improve no network on the fault-filtered split; the effect of leakage shows sooner."""


def train_table(options: argparse.Namespace) -> None:
    folder = options.output or training.LAB_FOLDER
    for name, changes in plans(options.shared / "gtzan" / "clips"):
        if not _exists(folder / name):
            show_progress(f"{name}\n")
            changed = {**vars(options), **changes, "output": folder / name}
            training.train(argparse.Namespace(**changed))


def plans(clips: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """The name of each weight file and its training options: from tables, and from the clips."""
    for split in SPLITS:
        for kind in FEATURE_KINDS:
            options: dict[str, object] = {"model": kind, "split": split, "tune": "grid", "features": None}
            yield f"{kind}-tables-{split}.skops", {**options, "data": None}
            if f"{kind}-clips-{split}.skops" not in LEFT_OUT:
                yield f"{kind}-clips-{split}.skops", {**options, "data": clips}
    for split in SPLITS:
        for kind in NETWORK_KINDS:
            options = {"model": kind, "split": split, "tune": None, "features": None}
            yield f"{kind}-clips-{split}.keras", {**options, "data": clips, "epochs": EPOCHS[split]}


def _exists(weights: Path) -> bool:
    try:
        load_card(weights)
    except WeightError:
        return False
    return True
