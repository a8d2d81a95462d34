"""Which serves better for a cut of two or three seconds: the cut itself, or what others published of the whole track?

The queries are the cuts among the clips of GTZAN. Counted is how many of a cut's three nearest tracks are by the same
artist, and how many are of the same genre.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ml.features.arrays import Floats, Indices, Mask
from ml.similarity import timbre
from ml.train.data.corpus import GTZAN, LONG_SECONDS
from ml.train.data.folds import FOLDS
from ml.train.similarity import published
from ml.train.similarity.cross_validation import FoldProjections, SearchTask, folds_of_artists
from ml.train.similarity.recording_pieces import Piece

Figures = dict[str, float]


def compare(halves: SearchTask, lessons: dict[str, FoldProjections], shared: Path) -> dict[str, Figures]:
    """Figures by what describes the cuts. Each pair of lines asks with the same cuts."""
    clips = [one for one in halves.whole if one.example.collection == GTZAN]
    names = [one.example.name for one in clips]
    cuts = np.array([one.seconds < LONG_SECONDS for one in clips])
    chroma, tags = published.read_chroma(shared), published.read_tags(shared)
    table = np.array([name in chroma for name in names])
    tagged = cuts & np.array([name in tags for name in names])
    rows = [chroma.get(name, np.ones(24, np.float32)) for name in names]
    tables = published.standardise(np.stack([published.invariants(row) for row in rows]), table)
    alone = published.standardise(np.stack([published.magnitudes(row) for row in rows]), table)
    imputed = impute(clips, tags)
    heard = {kind: np.stack([one.method.features(clip) for clip in clips]) for kind, one in lessons.items()}
    folds = folds_of_artists([clip.example.artist for clip in clips], halves.artists)

    def learnt(kind: str, features: Floats) -> list[Floats]:
        return [lessons[kind].without(fold)(features) for fold in range(FOLDS)]

    blended = learnt("harmony", heard["harmony"])
    for fold, vectors in enumerate(blended):
        imputation = published.HarmonyFromTable(tables, vectors, table & ~cuts & (folds != fold))
        vectors[cuts & table] = imputation.blend(tables[cuts & table], vectors[cuts & table])
    return {
        "harmony: the cut": _precision(
            clips, folds, learnt("harmony", heard["harmony"]), cuts & table, table
        ),
        "harmony: the chroma table": _precision(clips, folds, [alone] * FOLDS, cuts & table, table),
        "harmony: the cut, drawn to the chroma table": _precision(clips, folds, blended, cuts & table, table),
        "sound: the cut": _precision(clips, folds, learnt("sound", heard["sound"]), tagged),
        "sound: the taggram, timbre of the cut": _precision(clips, folds, learnt("sound", imputed), tagged),
    }


def impute(clips: list[Piece], tags: dict[str, Floats]) -> Floats:
    """Sound features of the clips, evidence of the cuts from their taggrams where there are such."""
    imputation = published.EmbeddingFromTags([clip.trunk_output for clip in clips])
    rows = []
    for clip in clips:
        known = tags.get(clip.example.name) if clip.seconds < LONG_SECONDS else None
        trunk_output = clip.mean_trunk_output if known is None else imputation.trunk_output(known)
        rows.append(timbre.features(trunk_output, timbre.measure(clip.mel)))
    return np.stack(rows)


def _precision(
    clips: list[Piece],
    folds: Indices,
    vectors: list[Floats],
    asking: Mask,
    there: Mask | None = None,
) -> Figures:
    artists = np.array([clip.example.artist for clip in clips])
    genres = np.array([clip.example.label for clip in clips])
    by_artist, by_genre = [], []
    for number in np.flatnonzero(asking):
        rows = vectors[folds[number]]
        apart = np.sum((rows - rows[number]) ** 2, axis=1)
        apart[number] = np.inf
        if there is not None:
            apart[~there] = np.inf
        near = np.argsort(apart, kind="stable")[:3]
        by_genre.append(float((genres[near] == genres[number]).mean()))
        if (artists == artists[number]).sum() > 1:
            by_artist.append(float((artists[near] == artists[number]).mean()))
    return {
        "artist": round(float(np.mean(by_artist)), 3),
        "genre": round(float(np.mean(by_genre)), 3),
        "cuts": int(asking.sum()),
    }
