"""Scores of an estimated tempo or key against an annotation, as in the MIREX evaluations."""

from __future__ import annotations

import math

from ml.report.keys import TONICS

TEMPO_TOLERANCE = 0.04
TEMPO_FACTORS = (1 / 3, 1 / 2, 1, 2, 3)

RIGHT, FIFTH, RELATIVE, PARALLEL = 1.0, 0.5, 0.3, 0.2
"""MIREX's scores of a key estimate: exact, a fifth above, relative and parallel."""


def tempo_is_right(estimated: float, annotated: float, *, tolerance: float = TEMPO_TOLERANCE) -> bool:
    """Accuracy 1: within `tolerance` of the annotation, which is in the same unit."""
    return abs(estimated - annotated) <= tolerance * annotated


def tempo_is_related(estimated: float, annotated: float, *, tolerance: float = TEMPO_TOLERANCE) -> bool:
    """Accuracy 2: a third, half, double and triple of the annotation count as right too."""
    return any(tempo_is_right(estimated, annotated * factor, tolerance=tolerance) for factor in TEMPO_FACTORS)


def tempo_scores(estimated: float, annotated: float | None) -> tuple[float, float]:
    """Accuracies 1 and 2 of one clip as 0.0 or 1.0; both 0.0 without an annotation."""
    truth = annotated or math.nan
    return float(tempo_is_right(estimated, truth)), float(tempo_is_related(estimated, truth))


def key_score(estimated: tuple[str, str], annotated: tuple[str, str]) -> float:
    """MIREX weighted score of a (tonic, mode) estimate; 1.0 means that it is right."""
    (tonic, mode), (true_tonic, true_mode) = estimated, annotated
    interval = (TONICS.index(tonic) - TONICS.index(true_tonic)) % 12
    if mode == true_mode:
        return {0: RIGHT, 7: FIFTH}.get(interval, 0.0)
    if interval == 0:
        return PARALLEL
    return RELATIVE if interval == (9 if true_mode == "major" else 3) else 0.0
