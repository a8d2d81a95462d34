"""scikit-learn models on hand-crafted features, in skops files, which unlike pickles hold no code.

`prepare` makes the inputs. Variances and standard deviations span orders of magnitude, so they enter as logarithms. The
twelve chroma bins depend most of all on the key. Sorted, and as the magnitudes of their Fourier transform, they are
independent of it, which took logistic regression on GTZAN's published tables from 0.57 to 0.60 in artist-grouped
cross-validation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats
from ml.models.card import WeightError

ALLOWED = frozenset({"sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"})
"""Types that skops does not trust by default. Both hold the arrays of a decision tree."""
_ZIP_DEFLATED = 8
_LEAST_PROBABILITY = 1e-6
_LEAST_VARIANCE = 1e-9
_SPREAD = re.compile(r"_(var|std)$")
_CHROMA = re.compile(r"chroma_(?:stft_)?(\d+)_(\w+)$")


class UntrustedTypesError(WeightError):
    code = "weights_strange_types"
    sentence = "The weight file {file} holds types that a model has no use for: {types}. It was not opened."


def prepare(names: Sequence[str], rows: Floats) -> tuple[tuple[str, ...], Floats]:
    """Names and rows (songs, inputs) of the model's inputs, from feature rows (songs, names)."""
    columns = [column for column, name in enumerate(names) if not _CHROMA.search(name)]
    input_names = [names[column] for column in columns]
    values = rows[:, columns].astype(np.float64)
    spreads = [column for column, name in enumerate(input_names) if _SPREAD.search(name)]
    values[:, spreads] = np.log(np.maximum(values[:, spreads], 0) + _LEAST_VARIANCE)
    parts = [values]
    for statistic, bins in _chroma_columns(names).items():
        chroma = rows[:, bins].astype(np.float64)
        magnitudes = np.abs(np.fft.rfft(chroma, axis=1))
        parts += [np.sort(chroma, axis=1), magnitudes]
        input_names += [f"chroma_rank_{rank}_{statistic}" for rank in range(1, len(bins) + 1)]
        input_names += [f"chroma_wave_{wave}_{statistic}" for wave in range(magnitudes.shape[1])]
    return tuple(input_names), np.concatenate(parts, axis=1).astype(np.float32)


def _chroma_columns(names: Sequence[str]) -> dict[str, list[int]]:
    """Columns of the twelve bins, in order, for each statistic."""
    columns: dict[str, list[tuple[int, int]]] = {}
    for column, name in enumerate(names):
        if match := _CHROMA.search(name):
            columns.setdefault(match[2], []).append((int(match[1]), column))
    return {statistic: [column for _, column in sorted(bins)] for statistic, bins in columns.items()}


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
