"""scikit-learn models in skops files, which unlike pickles hold no code, with a list of the types allowed in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats
from ml.models.card import WeightError

ALLOWED = frozenset(
    {"sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"}
)
"""Types that skops does not trust by default. Both hold the arrays of a decision tree."""
_ZIP_DEFLATED = 8
_LEAST_PROBABILITY = 1e-6


class UntrustedTypesError(WeightError):
    code = "weights_strange_types"
    sentence = "The weight file {file} holds types that a model has no use for: {types}. It was not opened."


def save(model: Any, path: Path) -> None:
    import skops.io

    skops.io.dump(model, path, compression=_ZIP_DEFLATED, compresslevel=9)


def load(path: Path) -> Any:
    """The model in a file, refused if it holds a type that is not allowed."""
    import skops.io

    if untrusted := set(skops.io.get_untrusted_types(file=path)) - ALLOWED:
        raise UntrustedTypesError(file=path.name, types=", ".join(sorted(untrusted)))
    return skops.io.load(path, trusted=sorted(ALLOWED))


def scores(model: Any, rows: Floats) -> Floats:
    """(rows, labels): scores from which softmax, at a temperature fitted per model, gives probabilities."""
    if hasattr(model, "predict_proba"):
        return np.asarray(np.log(np.maximum(model.predict_proba(rows), _LEAST_PROBABILITY)), np.float32)
    margins = np.asarray(model.decision_function(rows), np.float32)
    return np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins
