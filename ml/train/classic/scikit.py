"""The classical models: what may be tuned, how it is tuned, and how their scores become probabilities.

Everything is chosen by cross-validation on the learning rows, groups (artists where known) never on both sides. Each
trial is written down as soon as it is known, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ml.features.arrays import Floats, Integers, Names
from ml.models.classic import scikit

FOLDS = 5
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A model, the values that a grid tries, and the ranges (low, high, logarithmic) that optuna searches."""

    make: Callable[[int], Any]
    grid: Mapping[str, tuple[Any, ...]]
    ranges: Mapping[str, tuple[float, float]]
    default: Values


# Forests and boosters are small, as their weight files are kept with the source.
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
WHOLE = {"min_samples_leaf"}


@dataclass(frozen=True)
class Rows:
    """What is learnt from: prepared features, label indices, and what must stay together."""

    features: Floats
    labels: Integers
    groups: Names


@dataclass(frozen=True)
class Fitted:
    model: Any
    values: Values
    scores: Floats
    """Of each row, by a model that met nothing of its group."""
    trials: list[dict[str, Any]]


def fit(
    kind: str,
    rows: Rows,
    labels: int,
    *,
    tune: str | None,
    trials: int,
    seed: int,
    notes: Path,
    show_progress: Callable[[str], None],
) -> Fitted:
    """Choose values, judge every row by cross-validation with them, and fit on all rows. `notes` keeps the trials."""
    ledger = _Ledger(notes)

    def attempt(values: Values) -> float:
        show_progress(f"{kind}: {_said(values)}")
        return ledger.score(values, lambda: _accuracy(_crossed(kind, values, rows, labels, seed), rows))

    for values in _proposals(kind, tune, trials, seed, attempt):
        attempt(values)
    best = ledger.best() or MODELS[kind].default
    show_progress(f"{kind}: {_said(best)} is fitted\n")
    crossed = _crossed(kind, best, rows, labels, seed)
    model = _model(kind, best, seed).fit(rows.features, rows.labels)
    if hasattr(model[-1], "covariance_"):
        del model[-1].covariance_  # nine tenths of the file, and nothing that an answer needs
    return Fitted(model, best, crossed, ledger.trials)


def _proposals(
    kind: str, tune: str | None, trials: int, seed: int, attempt: Callable[[Values], float]
) -> Iterator[Values]:
    """What a grid tries; optuna asks by itself, as its next question depends on the last answer."""
    of = MODELS[kind]
    if tune == "grid":
        for values in itertools.islice(itertools.product(*of.grid.values()), trials):
            yield dict(zip(of.grid, values, strict=True))
    elif tune == "optuna":
        _search(of, trials, seed, attempt)


def _search(of: Kind, trials: int, seed: int, attempt: Callable[[Values], float]) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))

    def question(trial: Any) -> float:
        return attempt(
            {
                name: trial.suggest_int(name, int(low), int(high))
                if name in WHOLE
                else trial.suggest_float(name, low, high, log=True)
                for name, (low, high) in of.ranges.items()
            }
        )

    study.optimize(question, n_trials=trials)


class _Ledger:
    """Trials by their values. The same seed asks the same questions again, so that known answers come at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trials: list[dict[str, Any]] = []
        if path.is_file():
            self.trials = json.loads(path.read_text(encoding="utf-8"))

    def score(self, values: Values, compute: Callable[[], float]) -> float:
        for trial in self.trials:
            if trial["values"] == values:
                return float(trial["accuracy"])
        accuracy = compute()
        self.trials.append({"values": dict(values), "accuracy": round(accuracy, 6)})
        partial = self._path.with_suffix(".partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(self.trials), encoding="utf-8")
        partial.replace(self._path)
        return round(accuracy, 6)

    def best(self) -> Values | None:
        if not self.trials:
            return None
        values: Values = max(self.trials, key=lambda trial: trial["accuracy"])["values"]
        return values


def _model(kind: str, values: Values, seed: int) -> Any:
    return make_pipeline(StandardScaler(), MODELS[kind].make(seed).set_params(**values))


def _crossed(kind: str, values: Values, rows: Rows, labels: int, seed: int) -> Floats:
    """Scores of every row by a model fitted without its group; even chances where that is impossible."""
    found = np.zeros((len(rows.labels), labels), np.float32)
    least = min(len(np.unique(rows.groups[rows.labels == label])) for label in range(labels))
    if least < 2:
        return found
    folds = StratifiedGroupKFold(min(FOLDS, least), shuffle=True, random_state=seed)
    model = _model(kind, values, seed)
    for learn, held in folds.split(rows.features, rows.labels, rows.groups):
        fold = clone(model).fit(rows.features[learn], rows.labels[learn])
        scores = scikit.scores(fold, rows.features[held])
        found[np.ix_(held, fold.classes_)] = scores
    return found


def _accuracy(scores: Floats, rows: Rows) -> float:
    return float((scores.argmax(axis=1) == rows.labels).mean())


def _said(values: Values) -> str:
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )
