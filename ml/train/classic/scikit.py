"""Training a scikit-learn model: the settings of each kind, their search, and out-of-fold scores for calibration.

Everything is chosen by cross-validation on the training rows, with groups (artists where known) kept together. Each
trial is stored as soon as it is scored, so that a run that was stopped continues from there.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ml.features.arrays import Floats, Integers, Names
from ml.models.classic import scikit
from ml.report.progress import show_progress
from ml.train.data import folds
from ml.train.files import write_file

TRIALS_NAME = "trials.json"
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A model, the settings that a grid search tries, and the ranges (low, high, logarithmic) that optuna searches."""

    make: Callable[[int], Any]
    grid: Mapping[str, tuple[Any, ...]]
    ranges: Mapping[str, tuple[float, float]]
    default: Settings


# Forests and boosted trees are small, because their weight files are part of the repository.
MODELS = {
    "logistic": Kind(
        lambda seed: LogisticRegression(max_iter=2000, tol=1e-3, random_state=seed),
        {"C": (0.01, 0.03, 0.1, 0.3, 1.0)},
        {"C": (0.003, 3.0)},
        {"C": 0.1},
    ),
    "discriminant": Kind(
        lambda seed: LinearDiscriminantAnalysis(solver="lsqr"),
        {"shrinkage": (0.05, 0.1, 0.2, 0.3, 0.5)},
        {"shrinkage": (0.01, 0.9)},
        {"shrinkage": 0.2},
    ),
    "svm": Kind(
        lambda seed: SVC(random_state=seed),
        {"C": (1.0, 3.0, 10.0), "gamma": (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)},
        {"C": (0.3, 30.0), "gamma": (0.0002, 0.02)},
        {"C": 10.0, "gamma": 0.001},
    ),
    "forest": Kind(
        lambda seed: RandomForestClassifier(40, random_state=seed, max_depth=9),
        {"max_features": (0.05, 0.1, 0.2), "min_samples_leaf": (2, 4)},
        {"max_features": (0.03, 0.5), "min_samples_leaf": (1, 6)},
        {"max_features": 0.1, "min_samples_leaf": 2},
    ),
    "boost": Kind(
        lambda seed: HistGradientBoostingClassifier(
            max_iter=30, early_stopping=False, random_state=seed, max_leaf_nodes=5, min_samples_leaf=4
        ),
        {"learning_rate": (0.15, 0.3), "l2_regularization": (3.0,)},
        {"learning_rate": (0.03, 0.3), "l2_regularization": (0.1, 30.0)},
        {"learning_rate": 0.15, "l2_regularization": 3.0},
    ),
}
WHOLE_NUMBERS = {"min_samples_leaf"}


@dataclass(frozen=True)
class TrainingRows:
    """Training rows: prepared features, label indices, and groups that must stay together."""

    features: Floats
    labels: Integers
    groups: Names


@dataclass(frozen=True)
class LogitModel:
    model: Any
    settings: Settings
    scores: Floats
    """Of each row, by a model that was trained without its group."""
    trials: list[dict[str, Any]]


def fit(
    kind: str, rows: TrainingRows, labels: int, *, tune: str | None, trials: int, seed: int, folder: Path
) -> LogitModel:
    """Search settings if `tune` is set, score every row out of fold, fit on all rows. `folder` stores the trials."""
    path = folder / TRIALS_NAME
    scored: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []

    def score(settings: Settings) -> float:
        """The same seed proposes the same settings again, so a second run reuses the stored accuracies."""
        show_progress(f"{kind}: {_text(settings)}")
        known = next((trial for trial in scored if trial["values"] == settings), None)
        if known is None:
            scores = _out_of_fold(kind, settings, rows, labels, seed)
            accuracy = float((scores.argmax(axis=1) == rows.labels).mean())
            known = {"values": dict(settings), "accuracy": round(accuracy, 6)}
            scored.append(known)
            write_file(path, lambda partial: partial.write_text(json.dumps(scored)))
        return float(known["accuracy"])

    if tune == "grid":
        grid = MODELS[kind].grid
        for values in itertools.islice(itertools.product(*grid.values()), trials):
            score(dict(zip(grid, values, strict=True)))
    elif tune == "optuna":
        _search(MODELS[kind], trials, seed, score)
    default = {"values": MODELS[kind].default}
    best = max(scored, key=lambda trial: trial["accuracy"], default=default)["values"]
    show_progress(f"{kind}: fitting with {_text(best)}\n")
    scores = _out_of_fold(kind, best, rows, labels, seed)
    model = _model(kind, best, seed).fit(rows.features, rows.labels)
    if hasattr(model[-1], "covariance_"):
        del model[-1].covariance_  # nine tenths of the file, and not needed for prediction
    return LogitModel(model, best, scores, scored)


def _search(kind: Kind, trials: int, seed: int, score: Callable[[Settings], float]) -> None:
    # Loaded here because nothing else needs optuna, and it takes a second.
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))

    def objective(trial: Any) -> float:
        return score(
            {
                name: trial.suggest_int(name, int(low), int(high))
                if name in WHOLE_NUMBERS
                else trial.suggest_float(name, low, high, log=True)
                for name, (low, high) in kind.ranges.items()
            }
        )

    study.optimize(objective, n_trials=trials)


def _model(kind: str, settings: Settings, seed: int) -> Any:
    return make_pipeline(StandardScaler(), MODELS[kind].make(seed).set_params(**settings))


def _out_of_fold(kind: str, settings: Settings, rows: TrainingRows, labels: int, seed: int) -> Floats:
    """Scores of every row by a model fitted without its group; zeros if there are too few groups for that."""

    def predict(train: Integers, test: Integers) -> Floats:
        model = _model(kind, settings, seed).fit(rows.features[train], rows.labels[train])
        scores = np.zeros((len(test), labels), np.float32)
        scores[:, model.classes_] = scikit.scores(model, rows.features[test])
        return scores

    parts = folds.stratified_folds(rows.labels, rows.groups, seed=seed)
    if not parts:
        return np.zeros((len(rows.labels), labels), np.float32)
    return folds.predict_out_of_fold(parts, predict)


def _text(settings: Settings) -> str:
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings.items()
    )
