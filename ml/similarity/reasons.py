"""Why two songs are near, in numbers: their keys, their chords, their tempi, what both sound like."""

from __future__ import annotations

import numpy as np

from ml.report.keys import TONICS
from ml.report.schema import Key, Report, Why
from ml.similarity.harmony import Chords, mean_chroma

SAME_KEY, RELATIVE, PARALLEL, FIFTH = "same key", "relative key", "parallel key", "a fifth apart"


def compare(chords: Chords, report: Report | None, others: Chords | None, other: Report | None) -> Why:
    """Why the `other` song is near; what is unknown of either stays out."""
    transposition, overlap = (None, None) if others is None else _overlap(chords, others)
    keys = (report.key if report else None, other.key if other else None)
    tempi = (report.tempo if report else None, other.tempo if other else None)
    tags = {tag.label for tag in other.tags} if other else set()
    return Why(
        key_relation=relation(keys[0], keys[1]) if keys[0] and keys[1] else None,
        transposition=transposition,
        chroma_overlap=overlap,
        tempo_ratio=round(tempi[1].bpm / tempi[0].bpm, 3) if tempi[0] and tempi[1] else None,
        common_tags=tuple(tag.label for tag in report.tags if tag.label in tags) if report else (),
    )


def relation(first: Key, second: Key) -> str | None:
    """How two keys are related, as musicians call it; None where they are not near."""
    apart = (TONICS.index(second.tonic) - TONICS.index(first.tonic)) % 12
    if first.mode == second.mode:
        return {0: SAME_KEY, 5: FIFTH, 7: FIFTH}.get(apart)
    if apart == 0:
        return PARALLEL
    return RELATIVE if apart == (9 if first.mode == "major" else 3) else None


def _overlap(chords: Chords, others: Chords) -> tuple[int, float]:
    one, other = mean_chroma(chords), mean_chroma(others)
    shared = [float(np.minimum(one, np.roll(other, -turn)).sum()) for turn in range(12)]
    best = int(np.argmax(shared))
    return (best if best <= 6 else best - 12), round(shared[best], 3)
