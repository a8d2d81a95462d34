"""Third step of training tempo and key: fit the weights, and measure them by cross-validation over artists.

In the product a song's genre is an estimate. Figures are therefore given for three inputs: no genre, the estimate of a
small classifier that was trained without the artist, and the collection's label. Half of the training rows have no
genre, so that one set of weights serves all three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import minimize

from ml.features.arrays import Doubles, Integers, Mask
from ml.models import logit
from ml.train.data.folds import folds_by_value, predict_out_of_fold, shuffled_folds
from ml.train.metrics import calibration_error_of_choice
from ml.train.rhythm.songs import ARTIST_FOLDS, AnnotatedSong, Annotation
from ml.train.rhythm.tasks import EstimationTask, Genre

Predictions = Mapping[str, Doubles]
"""For each genre input, (songs, alternatives) probabilities."""

Figures = dict[str, dict[str, dict[str, float]]]


def train(task: EstimationTask, songs: Sequence[AnnotatedSong], priors: Mapping[str, Doubles]) -> Doubles:
    """Weights fitted on every song, once without genre and, if the task uses the genre, once with the estimate."""
    inputs = [genre_input for genre_input in task.genre_inputs if genre_input != "labelled"]
    rows = [task.features(song, priors, _genre(song, genre_input)) for genre_input in inputs for song in songs]
    right = np.stack([task.right(song.annotation) for song in songs])
    importance = np.array([task.importance(song.annotation) for song in songs]) / len(inputs)
    return fit_weights(
        np.stack(rows), np.tile(right, (len(inputs), 1)), ridge=task.ridge, importance=np.tile(importance, len(inputs))
    )


def predict(
    task: EstimationTask,
    songs: Sequence[AnnotatedSong],
    priors: Mapping[str, Doubles],
    weights: Doubles,
    genre_input: str,
) -> Doubles:
    """(songs, alternatives) probabilities."""
    rows = [task.features(song, priors, _genre(song, genre_input)) for song in songs]
    return task.likelihood(np.stack(rows), weights)


def cross_validate(
    task: EstimationTask,
    songs: Sequence[AnnotatedSong],
    annotations: Sequence[Annotation],
    *,
    seed: int,
    test_songs: Sequence[AnnotatedSong] | None = None,
) -> Predictions:
    """Predictions from weights and priors that were trained without the song's artist.

    `test_songs`: the same songs with another estimate of the genre, for prediction instead of `songs`.
    """
    artists = [song.annotation.artist for song in songs]
    tested = test_songs or songs

    def predict_fold(train_rows: Integers, test_rows: Integers) -> Doubles:
        test_artists = {artists[row] for row in test_rows}
        priors = task.priors([one for one in annotations if one.artist not in test_artists])
        weights = train(task, [songs[row] for row in train_rows], priors)
        fold_songs = [tested[row] for row in test_rows]
        return np.stack([predict(task, fold_songs, priors, weights, one) for one in task.genre_inputs], axis=1)

    folds = folds_by_value(shuffled_folds(artists, count=ARTIST_FOLDS, seed=seed))
    shares = predict_out_of_fold(folds, predict_fold)
    return {genre_input: shares[:, place] for place, genre_input in enumerate(task.genre_inputs)}


def figures(task: EstimationTask, songs: Sequence[AnnotatedSong], runs: Sequence[Predictions]) -> Figures:
    """Mean scores over the long clips for each genre input, separately for classical music and the rest."""
    out: Figures = {genre_input: {} for genre_input in task.genre_inputs}
    for name, classical in (("classical", True), ("others", False)):
        places = [i for i in _long(songs) if (songs[i].annotation.genre == "classical") == classical]
        for genre_input in task.genre_inputs if places else ():
            scores = [task.score(songs[i], run[genre_input][i]) for run in runs for i in places]
            means = [round(float(mean), 3) for mean in np.mean(scores, axis=0)]
            out[genre_input][name] = {**dict(zip(task.measures, means, strict=True)), "n": len(places)}
    return out


def calibrate(task: EstimationTask, songs: Sequence[AnnotatedSong], runs: Sequence[Predictions]) -> tuple[float, float]:
    """Calibration on out-of-fold predictions, with and without an estimated genre."""
    return fit_calibration(*_choices(task, songs, runs))


def calibration_figures(
    task: EstimationTask, songs: Sequence[AnnotatedSong], runs: Sequence[Predictions], line: tuple[float, float]
) -> dict[str, float]:
    """Calibration error of the confidence, and the accuracy of its upper and lower half."""
    shares, correct = _choices(task, songs, runs)
    confidence = np.array([logit.confidence(float(share), line) for share in shares])
    upper = confidence >= np.median(confidence)
    return {
        "expected_calibration_error": round(calibration_error_of_choice(confidence, correct), 3),
        "right_among_surer_half": round(float(correct[upper].mean()), 3),
        "right_among_others": round(float(correct[~upper].mean()), 3),
    }


def _genre(song: AnnotatedSong, genre_input: str) -> Genre:
    genres = {"none": None, "estimated": song.genre, "labelled": {song.annotation.genre: 1.0}}
    return genres[genre_input]


def _long(songs: Sequence[AnnotatedSong]) -> list[int]:
    return [place for place, song in enumerate(songs) if song.annotation.long]


def _choices(task: EstimationTask, songs: Sequence[AnnotatedSong], runs: Sequence[Predictions]) -> tuple[Doubles, Mask]:
    """Probability of each chosen alternative and whether it is right, over the long clips."""
    inputs = [genre_input for genre_input in task.genre_inputs if genre_input != "labelled"]
    pairs = [(songs[i], run[one][i]) for run in runs for one in inputs for i in _long(songs)]
    correct = [task.score(song, shares)[0] == 1.0 for song, shares in pairs]
    return np.array([shares.max() for _, shares in pairs]), np.array(correct)


def fit_weights(songs: Doubles, right: Mask, *, ridge: float, importance: Doubles) -> Doubles:
    """(features,) weights of a conditional logit, by penalised maximum likelihood.

    Every song has the same alternatives (candidate tempi, keys), each with a row of features. The model gives each a
    linear score, and a softmax turns the scores into probabilities. Several alternatives may be right, as tempi 1 %
    apart.

    `songs` is (songs, alternatives, features), `right` (songs, alternatives), `importance` (songs,).
    """

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        shares = logit.softmax(songs @ weights)
        likelihood = np.maximum((shares * right).sum(axis=1), 1e-12)
        residual = (shares * right / likelihood[:, None] - shares) * importance[:, None]
        value = 0.5 * ridge * weights @ weights - importance @ np.log(likelihood)
        return float(value), ridge * weights - np.einsum("sa,saf->f", residual, songs)

    start = np.zeros(songs.shape[2])
    solution = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    weights: Doubles = solution.x
    return weights


def fit_calibration(probability: Doubles, correct: Mask) -> tuple[float, float]:
    """Slope and offset from the log-odds of the chosen alternative to the log-odds that it is right."""
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    odds = np.log(clipped / (1 - clipped))

    def loss(line: Doubles) -> float:
        logits = line[0] * odds + line[1]
        return float(np.mean(np.logaddexp(0, np.where(correct, -logits, logits))) + 0.01 * (line[0] - 1) ** 2)

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(slope), float(offset)
