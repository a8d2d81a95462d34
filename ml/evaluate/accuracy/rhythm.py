"""Tempo and key on the annotated clips: as shipped, held out by artist, and by plain librosa.

The shipped weights were fitted on these clips, so their figures are in-sample. The held-out figures come from weights,
priors and genre estimates without the song's artist. The test split has no annotations and is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ml.audio.loading import load
from ml.evaluate import baselines
from ml.evaluate.accuracy.model import CachedModel, CrossPredictions
from ml.features.arrays import Floats
from ml.features.track import Track
from ml.models import key, tempo
from ml.models.card import hash_file
from ml.report.keys import KEYS, MODES, TONICS
from ml.report.progress import counted, show_progress
from ml.train.data.corpus import LONG_SECONDS, Example
from ml.train.genre.trunk_outputs import Row
from ml.train.metrics import Figures, rounded
from ml.train.rhythm.cross_validation import cross_validate
from ml.train.rhythm.songs import AnnotatedSong, Annotation, read_annotations, read_songs
from ml.train.rhythm.tasks import RIGHT, EstimationTask, KeyTask, TempoTask, key_score, tempo_scores

SEEDS = (0, 1, 2)
CLASSICAL = "classical"
TEMPO_METHODS = ("beat_track", "tempo")
KEY_METHODS = ("cqt", "stft")

Key = tuple[str, str]
Scores = Mapping[Annotation, tuple[float, ...]]
"""A strict and a lenient score for each clip."""
Genres = Mapping[str, dict[str, float]]
"""Genre probabilities by label, of each clip by its id."""


def measure(model: CachedModel, crossed: CrossPredictions, shared: Path) -> dict[str, Figures]:
    """The parts "tempo", "key" and "librosa" of the figures."""
    annotations = read_annotations(shared / "gtzan")
    clips = [clip for clip in annotations if clip.file and clip.long]
    rows = model.rows([_example(clip) for clip in clips])
    show_progress("fitting tempo and key without each artist\n")
    songs = read_songs(annotations)
    genres = _genres_out_of_fold(model, crossed, rows)
    tempo_held_out = _scores_out_of_fold(TempoTask(), songs, annotations, genres)
    key_held_out = _scores_out_of_fold(KeyTask(), songs, annotations, {})
    tempi, keys = _shipped_answers(model, clips, rows)
    return {
        "tempo": _tempo_figures(_tempo_scores(clips, tempi))
        | {"seconds": LONG_SECONDS, "cross_validated": _tempo_figures(tempo_held_out)},
        "key": _key_figures(_key_scores(clips, keys)) | {"cross_validated": _key_figures(key_held_out)},
        "librosa": _measure_librosa(model, clips),
    }


def _example(clip: Annotation) -> Example:
    return Example(clip.id, clip.genre, clip.artist, "gtzan", "annotated", clip.file)


def _genres_out_of_fold(model: CachedModel, crossed: CrossPredictions, rows: Sequence[Row]) -> Genres:
    """By a genre model trained without the artist; by the shipped model for a clip that was not in training."""
    genres = model.genres(rows)
    for index in np.flatnonzero(crossed.held & ~crossed.table.is_taggram):
        name = crossed.rows[index].example.name
        if name in genres:
            genres[name] = model.named(crossed.clips[index])
    return genres


def _shipped_answers(
    model: CachedModel, clips: Sequence[Annotation], rows: Sequence[Row]
) -> tuple[list[float], list[Key | None]]:
    """Tempo and key of each clip, by the same calls as in the pipeline."""
    genres = model.genres(rows)
    tempi: list[float] = []
    keys: list[Key | None] = []
    for clip in counted(clips, "tempo and key"):
        track = Track(load(clip.file or ""), model.genre.bands)
        beat, found = tempo.estimate(track.mel, genre=genres[clip.id]), key.estimate(track.chromagram)
        tempi.append(beat.bpm if beat else 0.0)
        keys.append((found.tonic, found.mode) if found else None)
    return tempi, keys


def _scores_out_of_fold(
    task: EstimationTask, songs: Sequence[AnnotatedSong], annotations: Sequence[Annotation], genres: Genres
) -> Scores:
    """Scores averaged over seeds; the tempo model is given the genre model's estimates."""
    songs = [song for song in songs if task.can_train_on(song.annotation)]
    estimated = [replace(song, genre=genres.get(song.annotation.id, song.genre)) for song in songs]
    genre_input = "estimated" if "estimated" in task.genre_inputs else "none"
    runs = [cross_validate(task, songs, annotations, seed=seed, test_songs=estimated)[genre_input] for seed in SEEDS]
    return {
        song.annotation: tuple(np.mean([task.score(song, run[index]) for run in runs], axis=0))
        for index, song in enumerate(songs)
        if song.annotation.long
    }


def _measure_librosa(model: CachedModel, clips: Sequence[Annotation]) -> dict[str, Figures]:
    """librosa's two tempo estimators and two chromagrams; the better of each first, both under "methods"."""
    answers = [_librosa_answers(model, clip).tolist() for clip in counted(clips, "librosa")]
    columns = dict(zip(TEMPO_METHODS + KEY_METHODS, zip(*answers, strict=True), strict=True))
    tempi = {method: _tempo_figures(_tempo_scores(clips, columns[method])) for method in TEMPO_METHODS}
    keys = {method: _key_figures(_key_scores(clips, [KEYS[int(i)] for i in columns[method]])) for method in KEY_METHODS}
    return {"tempo": _better(tempi, "accuracy1"), "key": _better(keys, "accuracy")}


def _librosa_answers(model: CachedModel, clip: Annotation) -> Floats:
    """(4,) tempo by both methods, then the index of the key by both. Cached: it takes a second per clip."""
    file = clip.file or Path()

    def answer() -> Floats:
        samples, rate = baselines.librosa_load(file)
        tempi = [baselines.librosa_tempo(samples, sample_rate=rate, method=name) for name in TEMPO_METHODS]
        keys = [baselines.krumhansl_key(samples, sample_rate=rate, chroma=name) for name in KEY_METHODS]
        indices = [TONICS.index(tonic) + 12 * MODES.index(mode) for tonic, mode in keys]
        return np.array([*tempi, *indices])

    version_key = f"librosa {version('librosa')}|baselines {baselines.VERSION}|{hash_file(file)}"
    return model.cache.get(version_key, answer)


def _better(methods: dict[str, Figures], measure: str) -> Figures:
    best = max(methods, key=lambda method: float(methods[method][measure] or 0))
    return methods[best] | {"method": best, "methods": methods}


def _tempo_scores(clips: Sequence[Annotation], tempi: Sequence[float]) -> Scores:
    return {clip: tempo_scores(bpm, clip.bpm) for clip, bpm in zip(clips, tempi, strict=True) if clip.bpm is not None}


def _key_scores(clips: Sequence[Annotation], keys: Sequence[Key | None]) -> Scores:
    weights = {
        clip: key_score(answer, clip.key) if answer else 0.0
        for clip, answer in zip(clips, keys, strict=True)
        if clip.key is not None
    }
    return {clip: (float(weight == RIGHT), weight) for clip, weight in weights.items()}


def _tempo_figures(scores: Scores) -> Figures:
    def means(*, classical: bool | None = None) -> Figures:
        part = [row for clip, row in scores.items() if classical in (None, clip.genre == CLASSICAL)]
        return _means(("accuracy1", "accuracy2"), part)

    return means() | {"without_classical": means(classical=False), "classical": means(classical=True)}


def _key_figures(scores: Scores) -> Figures:
    return _means(("accuracy", "mirex"), list(scores.values()))


def _means(names: tuple[str, str], scores: Sequence[tuple[float, ...]]) -> Figures:
    means = [rounded(mean) for mean in np.mean(scores, axis=0)] if scores else [None, None]
    return dict(zip(names, means, strict=True)) | {"n": len(scores)}
