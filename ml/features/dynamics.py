"""Loudness range: the difference between the loud and the quiet parts of a song.

The loudness is measured over three seconds and gated as in EBU Tech 3342, but without the frequency weighting of that
standard, which needs a higher sample rate than 16 kHz to be exact.
"""

from __future__ import annotations

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.features.track import Track
from ml.report.schema import Finding

WINDOW_SECONDS = 3.0
STEP_SECONDS = 0.5
LEAST_SECONDS = 10.0
"""A shorter song has no range worth reporting."""
ABSOLUTE_GATE_DB = -70.0
RELATIVE_GATE_DB = 20.0
STEADY_DB, WIDE_DB = 3.0, 9.0
"""Half of GTZAN's classical clips and a quarter of its jazz lie above 5 dB, most other songs below 3."""

TITLE = "Dynamics"
TEXTS = {
    "steady": "Steady: the loudness hardly changes from part to part.",
    "moving": "Moving: there are quieter and louder parts.",
    "wide": "Wide: the quiet parts are far below the loud ones.",
}


def find(track: Track) -> Finding | None:
    span = loudness_range(track.samples)
    if span is None:
        return None
    kind = "steady" if span < STEADY_DB else "wide" if span > WIDE_DB else "moving"
    return Finding("dynamics", TITLE, TEXTS[kind])


def loudness_range(samples: Floats) -> float | None:
    """Decibels between the 10 % and the 95 % quantile of short-term loudness; None where there is too little sound."""
    step, steps = round(STEP_SECONDS * SAMPLE_RATE), round(WINDOW_SECONDS / STEP_SECONDS)
    if len(samples) < LEAST_SECONDS * SAMPLE_RATE:
        return None
    blocks = samples[: len(samples) // step * step].reshape(-1, step)
    energy = np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64)
    power = np.lib.stride_tricks.sliding_window_view(energy, steps).sum(axis=1) / (steps * step)
    loudness = 10 * np.log10(power + 1e-12)
    audible = power[loudness > ABSOLUTE_GATE_DB]
    if not len(audible):
        return None
    gate = max(ABSOLUTE_GATE_DB, 10 * np.log10(audible.mean()) - RELATIVE_GATE_DB)
    low, high = np.quantile(loudness[loudness > gate], [0.10, 0.95])
    return round(float(high - low), 1)
