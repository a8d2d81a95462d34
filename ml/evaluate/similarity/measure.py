"""Search figures of every descriptor, and of short clips with and without published numbers of their whole tracks.

Projections are fitted without the artist of the query: the clips are divided into five folds by artist, and the queries
of each fold use the projection of the other four.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Floats, Mask
from ml.report.progress import show_progress
from ml.similarity import timbre
from ml.train.data.corpus import GTZAN, LONG_SECONDS
from ml.train.data.folds import FOLDS
from ml.train.similarity import published
from ml.train.similarity.cross_validation import (
    FoldProjections,
    SearchTask,
    distances,
    folds_of_artists,
    search_figures,
)
from ml.train.similarity.methods import HARMONY, METHODS, SHIPPED, SOUND, Method
from ml.train.similarity.recording_pieces import Piece

NEAREST = 3


def measure(task: SearchTask, shared: Path) -> dict[str, Any]:
    """By method: how often the second half is found, and the neighbours by the same artist and of the same genre."""
    clips = Clips(task)
    second_half, precision, shipped = {}, {}, {}
    for method in METHODS:
        show_progress(f"{method.name}\n")
        projections = FoldProjections.of(method, task)
        second_half[method.name] = search_figures(projections)
        precision[method.name] = clips.precision(method, clips.vectors(projections))
        if method in SHIPPED:
            shipped[method.kind] = projections
    return {
        "query_clips": len(task.artists),
        "library": len(task.library),
        "second_half": second_half,
        "precision_at_3": {**precision, "chance": clips.chance()},
        "short_clips": measure_short_clips(clips, shipped, shared),
    }


class Clips:
    """The whole clips of GTZAN, whose artists are known, with the fold of each."""

    def __init__(self, task: SearchTask) -> None:
        self.pieces = pieces = [piece for piece in task.whole if piece.example.collection == GTZAN]
        self.names = [piece.example.name for piece in pieces]
        self.artists = np.array([piece.example.artist for piece in pieces])
        self.genres = np.array([piece.example.label for piece in pieces])
        self.short = np.array([piece.seconds < LONG_SECONDS for piece in pieces])
        self.folds = folds_of_artists(self.artists.tolist(), task.artists)

    def vectors(self, projections: FoldProjections, features: Floats | None = None) -> list[Floats]:
        """Vectors of all clips by the projection of each fold."""
        if features is None:
            features = np.stack([projections.method.features(piece) for piece in self.pieces])
        return [projections.without(fold)(features) for fold in range(FOLDS)]

    def precision(
        self, method: Method, vectors: Sequence[Floats], queries: Mask | None = None, candidates: Mask | None = None
    ) -> dict[str, float]:
        """The share of the three nearest by the query's artist (if it has other clips), and of its genre."""
        by_artist, by_genre = [], []
        for fold, rows in enumerate(vectors):
            in_fold = np.flatnonzero((self.folds == fold) & (True if queries is None else queries))
            apart = distances(method, rows[in_fold], rows)
            apart[np.arange(len(in_fold)), in_fold] = np.inf
            if candidates is not None:
                apart[:, ~candidates] = np.inf
            near = np.argsort(apart, axis=1, kind="stable")[:, :NEAREST]
            artists, genres = self.artists[in_fold][:, None], self.genres[in_fold][:, None]
            has_others = (artists == self.artists[None]).sum(axis=1) > 1
            by_artist += (self.artists[near] == artists).mean(axis=1)[has_others].tolist()
            by_genre += (self.genres[near] == genres).mean(axis=1).tolist()
        return {"artist": _mean(by_artist), "genre": _mean(by_genre)}

    def chance(self) -> dict[str, float]:
        """The same shares for neighbours drawn at random."""
        same = [(names[:, None] == names[None]).sum(axis=1) - 1 for names in (self.artists, self.genres)]
        others = len(self.pieces) - 1
        return {"artist": _mean(same[0][same[0] > 0] / others), "genre": _mean(same[1] / others)}


def measure_short_clips(clips: Clips, shipped: dict[str, FoldProjections], shared: Path) -> dict[str, dict[str, float]]:
    """Clips of two or three seconds by themselves, and with published numbers of their whole tracks.

    All rows of one kind, harmony or sound, have the same queries.
    """
    chroma, tags = published.read_chroma(shared), published.read_tags(shared)
    in_table = np.array([name in chroma for name in clips.names])
    charted, tagged = clips.short & in_table, clips.short & np.array([name in tags for name in clips.names])
    tables = published.standardised(chroma, clips.names)
    simplest = published.standardised(chroma, clips.names, published.magnitudes)
    harmony, blended = (clips.vectors(shipped["harmony"]) for _ in range(2))
    for fold, vectors in enumerate(blended):
        complete = in_table & ~clips.short & (clips.folds != fold)
        model = published.HarmonyFromTable(tables, vectors, complete)
        vectors[charted] = model.blend(tables[charted], vectors[charted])
    sound = clips.vectors(shipped["sound"])
    from_tags = clips.vectors(shipped["sound"], sound_with_taggrams(clips.pieces, tags))

    def harmony_figures(vectors: Sequence[Floats]) -> dict[str, float]:
        return clips.precision(HARMONY, vectors, charted, in_table) | {"clips": int(charted.sum())}

    def sound_figures(vectors: Sequence[Floats]) -> dict[str, float]:
        return clips.precision(SOUND, vectors, tagged) | {"clips": int(tagged.sum())}

    return {
        "harmony: the clip": harmony_figures(harmony),
        "harmony: the chroma table": harmony_figures([simplest] * FOLDS),
        "harmony: the clip, drawn towards the chroma table": harmony_figures(blended),
        "sound: the clip": sound_figures(sound),
        "sound: the taggram, with the clip's timbre": sound_figures(from_tags),
    }


def sound_with_taggrams(pieces: Sequence[Piece], tags: dict[str, Floats]) -> Floats:
    """Sound features of the clips; a short clip's trunk output comes from its taggram where there is one."""
    embedding = published.EmbeddingFromTags([piece.trunk_output for piece in pieces])
    rows = []
    for piece in pieces:
        taggram = tags.get(piece.example.name) if piece.seconds < LONG_SECONDS else None
        trunk_output = piece.mean_trunk_output if taggram is None else embedding.trunk_output(taggram)
        rows.append(timbre.features(trunk_output, timbre.measure(piece.mel)))
    return np.stack(rows)


def _mean(values: Sequence[float] | npt.NDArray[np.floating]) -> float:
    return round(float(np.mean(values)), 3)
