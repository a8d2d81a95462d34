"""Reasons why two songs are similar, in numbers: their keys, chords, tempi and tags."""

from __future__ import annotations

import numpy as np

from ml.report.keys import TONICS
from ml.report.schema import Key, Report, Why
from ml.similarity.harmony import Chords, mean_chroma

SAME_KEY, RELATIVE, PARALLEL, FIFTH = "same key", "relative key", "parallel key", "a fifth apart"


def compare(chords: Chords, report: Report | None, other_chords: Chords | None, other: Report | None) -> Why:
    """Why the `other` song is similar; a reason is None where either song lacks the data for it."""
    transposition, overlap = _best_transposition(chords, other_chords) if other_chords else (None, None)
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
    """The relation of two keys, or None where they are not closely related."""
    semitones = (TONICS.index(second.tonic) - TONICS.index(first.tonic)) % 12
    if first.mode == second.mode:
        return {0: SAME_KEY, 5: FIFTH, 7: FIFTH}.get(semitones)
    if semitones == 0:
        return PARALLEL
    return RELATIVE if semitones == (9 if first.mode == "major" else 3) else None


def _best_transposition(chords: Chords, other: Chords) -> tuple[int, float]:
    """Semitones (-5..6) from `chords` up to `other` with the largest overlap of mean chroma, and that overlap."""
    mean, other_mean = mean_chroma(chords), mean_chroma(other)
    overlaps = [float(np.minimum(mean, np.roll(other_mean, -steps)).sum()) for steps in range(12)]
    best = int(np.argmax(overlaps))
    return (best if best <= 6 else best - 12), round(overlaps[best], 3)
