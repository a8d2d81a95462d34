"""Put a question to songs: train on some, answer for others, judge the answers.

A song's genre is only known by estimate in the product, so figures are given for what may be known of it:
nothing, the estimate of a small classifier that never heard the artist, or the collection's label. Half of
the training is without any genre, so that one set of weights serves all three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ml.features.arrays import Doubles, Mask
from ml.models import logit
from ml.train.rhythm import conditional_logit
from ml.train.rhythm.songs import Annotation, Song
from ml.train.rhythm.tasks import Genre, Question

Run = Mapping[str, Doubles]
"""For each state of knowledge, (songs, alternatives) probabilities."""

Figures = dict[str, dict[str, dict[str, float]]]


def train(question: Question, songs: Sequence[Song], priors: Mapping[str, Doubles]) -> Doubles:
    """Weights fitted on every song, once without genre and, where the genre counts, once with an estimate."""
    views = [known for known in question.knowledge if known != "labelled"]
    rows = [question.features(song, priors, _genre(song, known)) for known in views for song in songs]
    right = np.stack([question.right(song.facts) for song in songs])
    importance = np.array([question.importance(song.facts) for song in songs]) / len(views)
    return conditional_logit.fit(
        np.stack(rows),
        np.tile(right, (len(views), 1)),
        ridge=question.ridge,
        importance=np.tile(importance, len(views)),
    )


def answer(
    question: Question, songs: Sequence[Song], priors: Mapping[str, Doubles], weights: Doubles, known: str
) -> Doubles:
    """(songs, alternatives) probabilities, with what is `known` of the genre."""
    rows = [question.features(song, priors, _genre(song, known)) for song in songs]
    return question.likelihood(np.stack(rows), weights)


def hold_out(
    question: Question,
    songs: Sequence[Song],
    annotations: Sequence[Annotation],
    *,
    seed: int,
    asked_as: Sequence[Song] | None = None,
) -> Run:
    """Answers from models, and priors, that know nothing of the song's artist.

    `asked_as`: the same songs with another estimate of the genre, to be asked with it instead.
    """
    artists = [song.facts.artist for song in songs]
    alternatives = len(question.right(songs[0].facts))

    def predict(held_out: Mask) -> Doubles:
        away = {artist for artist, out in zip(artists, held_out, strict=True) if out}
        priors = question.priors([facts for facts in annotations if facts.artist not in away])
        taught = [song for song, out in zip(songs, held_out, strict=True) if not out]
        asked = [song for song, out in zip(asked_as or songs, held_out, strict=True) if out]
        weights = train(question, taught, priors)
        return np.stack(
            [answer(question, asked, priors, weights, known) for known in question.knowledge], axis=1
        )

    shape = (len(songs), len(question.knowledge), alternatives)
    shares = conditional_logit.cross_validate(predict, artists, shape=shape, seed=seed)
    return {known: shares[:, place] for place, known in enumerate(question.knowledge)}


def figures(question: Question, songs: Sequence[Song], runs: Sequence[Run]) -> Figures:
    """Mean scores over the long clips, for each state of knowledge, apart for classical and the others."""
    out: Figures = {known: {} for known in question.knowledge}
    for name, wanted in (("classical", True), ("others", False)):
        places = [i for i in _predicted(songs) if (songs[i].facts.genre == "classical") == wanted]
        for known in question.knowledge if places else ():
            scores = [question.score(songs[i], run[known][i]) for run in runs for i in places]
            means = [round(float(mean), 3) for mean in np.mean(scores, axis=0)]
            out[known][name] = {**dict(zip(question.measures, means, strict=True)), "n": len(places)}
    return out


def calibrate(question: Question, songs: Sequence[Song], runs: Sequence[Run]) -> tuple[float, float]:
    """Calibration on held-out answers, with and without an estimated genre."""
    return conditional_logit.calibrate(*_verdicts(question, songs, runs))


def calibration_figures(
    question: Question, songs: Sequence[Song], runs: Sequence[Run], line: tuple[float, float]
) -> dict[str, float]:
    """How far stated confidence lies from the share that is right, and what it separates."""
    shares, correct = _verdicts(question, songs, runs)
    sure = np.array([logit.confidence(float(share), line) for share in shares])
    half = sure >= np.median(sure)
    return {
        "expected_calibration_error": round(conditional_logit.calibration_error(sure, correct), 3),
        "right_among_surer_half": round(float(correct[half].mean()), 3),
        "right_among_others": round(float(correct[~half].mean()), 3),
    }


def _genre(song: Song, known: str) -> Genre:
    return {"none": None, "estimated": song.genre, "labelled": {song.facts.genre: 1.0}}[known]


def _predicted(songs: Sequence[Song]) -> list[int]:
    return [place for place, song in enumerate(songs) if song.facts.long]


def _verdicts(question: Question, songs: Sequence[Song], runs: Sequence[Run]) -> tuple[Doubles, Mask]:
    """Probability of each chosen answer and whether it was right, over the long clips."""
    answers = [run[known] for run in runs for known in question.knowledge if known != "labelled"]
    pairs = [(songs[i], shares[i]) for shares in answers for i in _predicted(songs)]
    correct = [question.score(song, shares)[0] == 1.0 for song, shares in pairs]
    return np.array([shares.max() for _, shares in pairs]), np.array(correct)
