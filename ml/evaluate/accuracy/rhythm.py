"""Tempo and key on the annotated clips: as shipped, held out by artist, and beside plain librosa.

The shipped weights were fitted on these very clips, so their figures flatter; the held-out ones come from weights,
priors and genre estimates that never met the artist. The test split has no annotation here, so it takes no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ml.audio.loading import load
from ml.evaluate import baselines
from ml.evaluate.accuracy.songs import CrossPredicted, Predictor
from ml.evaluate.figures import Figures, rounded
from ml.features.arrays import Doubles, Floats
from ml.features.track import Track
from ml.models import key, tempo
from ml.models.card import hash_file
from ml.report.keys import MODES, TONICS
from ml.train.data.corpus import LONG_SECONDS, Example
from ml.train.genre.trunk_outputs import Row
from ml.train.rhythm import cross_validation, scoring
from ml.train.rhythm.songs import AnnotatedSong, Annotation, read_annotations, read_songs
from ml.train.rhythm.tasks import EstimationTask, KeyTask, TempoTask

SEEDS = (0, 1, 2)
CLASSICAL = "classical"

Genres = Mapping[str, dict[str, float]]
"""Genre probabilities by label, of each clip by its id."""


@dataclass(frozen=True)
class Clips:
    """The annotated clips that are long enough to be judged, and every annotation."""

    annotations: list[Annotation]
    tempo: list[Annotation]
    key: list[Annotation]

    @classmethod
    def read(cls, shared: Path) -> Clips:
        annotations = read_annotations(shared / "gtzan")
        predicted = [facts for facts in annotations if facts.file and facts.long]
        return cls(annotations, [f for f in predicted if f.bpm is not None], [f for f in predicted if f.key])

    @property
    def predicted(self) -> list[Annotation]:
        return [facts for facts in self.annotations if facts in self.tempo or facts in self.key]


def measure(predictor: Predictor, crossed: CrossPredicted, shared: Path) -> dict[str, Figures]:
    """The parts "tempo", "key" and "librosa" of the figures."""
    clips = Clips.read(shared)
    rows = predictor.rows([_example(facts) for facts in clips.predicted])
    shipped = _shipped(predictor, clips, rows)
    predictor.show_progress("tuning tempo and key without each artist\n")
    songs = read_songs(clips.annotations)
    apart = _out_of_fold(predictor, crossed, rows)
    plain = _librosa(predictor, clips)
    return {
        "tempo": shipped["tempo"]
        | {"seconds": LONG_SECONDS, "cross_validated": _held_out(TempoTask(), songs, clips, apart)},
        "key": shipped["key"] | {"cross_validated": _held_out(KeyTask(), songs, clips, {})},
        "librosa": plain,
    }


def _example(facts: Annotation) -> Example:
    return Example(facts.id, facts.genre, facts.artist, "gtzan", "annotated", facts.file)


def _named(predictor: Predictor, probabilities: Doubles) -> dict[str, float]:
    return dict(zip(predictor.labels, map(float, probabilities), strict=True))


def _out_of_fold(predictor: Predictor, crossed: CrossPredicted, rows: Sequence[Row]) -> Genres:
    """By a genre model without the artist; of a clip that no model learnt from, by the shipped one."""
    shipped = predictor.predict(rows)
    genres = {row.example.name: _named(predictor, found) for row, found in zip(rows, shipped, strict=True)}
    for place in np.flatnonzero(crossed.held & ~crossed.table.is_taggram):
        name = crossed.rows[place].example.name
        if name in genres:
            genres[name] = _named(predictor, crossed.clips[place])
    return genres


def _shipped(predictor: Predictor, clips: Clips, rows: Sequence[Row]) -> dict[str, Figures]:
    """What the pipeline answers, by the same calls."""
    genres = {
        row.example.name: _named(predictor, found)
        for row, found in zip(rows, predictor.predict(rows), strict=True)
    }
    tempi: list[tuple[float, ...]] = []
    keys: list[tuple[float, ...]] = []
    for number, facts in enumerate(clips.predicted, start=1):
        predictor.show_progress(f"tempo and key {number}/{len(clips.predicted)}")
        track = Track(load(facts.file or ""), predictor.model.bands)
        if facts in clips.tempo:
            beat = tempo.estimate(track.mel, genre=genres[facts.id])
            tempi.append(_tempo_scores(beat.bpm if beat else 0.0, facts))
        if facts in clips.key:
            found = key.estimate(track.chromagram)
            keys.append(_key_scores((found.tonic, found.mode) if found else None, facts))
    return {"tempo": _tempo_figures(tempi, clips.tempo), "key": _key_figures(keys)}


def _held_out(
    question: EstimationTask, songs: Sequence[AnnotatedSong], clips: Clips, genres: Genres
) -> Figures:
    """Answers averaged over assignments to folds; the tempo is told what the genre model would say."""
    songs = [song for song in songs if question.can_train_on(song.annotation)]
    asked = [replace(song, genre=genres.get(song.annotation.id, song.genre)) for song in songs]
    known = "estimated" if "estimated" in question.genre_inputs else "none"
    runs = [
        cross_validation.cross_validate(question, songs, clips.annotations, seed=seed, test_songs=asked)[
            known
        ]
        for seed in SEEDS
    ]
    places = [place for place, song in enumerate(songs) if song.annotation.long]
    scores: list[tuple[float, ...]] = [
        tuple(np.mean([question.score(songs[place], run[place]) for run in runs], axis=0)) for place in places
    ]
    facts = [songs[place].annotation for place in places]
    return _tempo_figures(scores, facts) if question.name == "tempo" else _key_figures(scores)


def _librosa(predictor: Predictor, clips: Clips) -> dict[str, Figures]:
    """The stronger of librosa's two plain ways to each answer, and both of them."""
    tempi: dict[str, list[tuple[float, ...]]] = {"beat_track": [], "tempo": []}
    keys: dict[str, list[tuple[float, ...]]] = {"cqt": [], "stft": []}
    for number, facts in enumerate(clips.predicted, start=1):
        predictor.show_progress(f"librosa {number}/{len(clips.predicted)}")
        answers = _plain_answers(predictor, facts)
        if facts in clips.tempo:
            for place, scores in enumerate(tempi.values()):
                scores.append(_tempo_scores(float(answers[place]), facts))
        if facts in clips.key:
            for place, scores in enumerate(keys.values(), start=2):
                index = int(answers[place])
                scores.append(_key_scores((TONICS[index % 12], MODES[index // 12]), facts))
    return {
        "tempo": _stronger({way: _tempo_figures(scores, clips.tempo) for way, scores in tempi.items()}),
        "key": _stronger({way: _key_figures(scores) for way, scores in keys.items()}),
    }


def _plain_answers(predictor: Predictor, facts: Annotation) -> Floats:
    """(4,) tempo by both ways, then index of the key by both chromagrams; kept, as it takes a second a clip."""
    file = facts.file or Path()

    def answer() -> Floats:
        samples, rate = baselines.librosa_load(file)
        tempi = [
            baselines.librosa_tempo(samples, sample_rate=rate, way=way) for way in ("beat_track", "tempo")
        ]
        keys = [baselines.krumhansl_key(samples, sample_rate=rate, chroma=way) for way in ("cqt", "stft")]
        places = [TONICS.index(tonic) + 12 * MODES.index(mode) for tonic, mode in keys]
        return np.array([*tempi, *places])

    key = f"librosa {version('librosa')}|baselines {baselines.VERSION}|{hash_file(file)}"
    return predictor.cache.get(key, answer)


def _stronger(ways: dict[str, Figures]) -> Figures:
    """The way that is right more often, with all of them beside it."""
    best = max(ways, key=lambda way: float(ways[way].get("accuracy1", ways[way].get("accuracy")) or 0))
    return ways[best] | {"way": best, "ways": ways}


def _tempo_scores(bpm: float, facts: Annotation) -> tuple[float, ...]:
    annotated = facts.bpm or np.nan
    return float(scoring.tempo_is_right(bpm, annotated)), float(scoring.tempo_is_related(bpm, annotated))


def _key_scores(answer: tuple[str, str] | None, facts: Annotation) -> tuple[float, ...]:
    weighted = scoring.key_score(answer, facts.key) if answer and facts.key else 0.0
    return float(weighted == scoring.RIGHT), weighted


def _tempo_figures(scores: Sequence[tuple[float, ...]], facts: Sequence[Annotation]) -> Figures:
    classical = [fact.genre == CLASSICAL for fact in facts]
    names = ("accuracy1", "accuracy2")
    return _means(names, scores) | {
        "without_classical": _means(names, [s for s, c in zip(scores, classical, strict=True) if not c]),
        "classical": _means(names, [s for s, c in zip(scores, classical, strict=True) if c]),
    }


def _key_figures(scores: Sequence[tuple[float, ...]]) -> Figures:
    return _means(("accuracy", "mirex"), scores)


def _means(names: tuple[str, str], scores: Sequence[tuple[float, ...]]) -> Figures:
    means = np.mean(scores, axis=0) if scores else (None, None)
    shown = {
        name: rounded(mean) if mean is not None else None for name, mean in zip(names, means, strict=True)
    }
    return shown | {"n": len(scores)}
