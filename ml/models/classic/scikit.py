"""scikit-learn models in files that carry no code: skops instead of pickle, and a list of the types allowed inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats
from ml.models.card import WeightError

ALLOWED = frozenset(
    {"sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"}
)
"""What skops does not vouch for by itself. Both hold arrays; they are what a forest is made of."""
_ZIP_DEFLATED = 8
_LEAST = 1e-6


class UntrustedTypesError(WeightError):
    code = "weights_strange_types"
    sentence = "The weight file {file} holds types that a model has no use for: {types}. It was not opened."


def save(model: Any, path: Path) -> None:
    import skops.io

    skops.io.dump(model, path, compression=_ZIP_DEFLATED, compresslevel=9)


def load(path: Path) -> Any:
    """The model in a file, after every type in it was found to be a harmless one."""
    import skops.io

    strange = set(skops.io.get_untrusted_types(file=path)) - ALLOWED
    if strange:
        raise UntrustedTypesError(file=path.name, types=", ".join(sorted(strange)))
    return skops.io.load(path, trusted=sorted(ALLOWED))


def scores(model: Any, rows: Floats) -> Floats:
    """(rows, labels): what softmax, at a temperature of the model's own, makes probabilities of."""
    if hasattr(model, "predict_proba"):
        return np.asarray(np.log(np.maximum(model.predict_proba(rows), _LEAST)), np.float32)
    found = np.asarray(model.decision_function(rows), np.float32)
    return np.stack([-found, found], axis=1) if found.ndim == 1 else found
