"""Linear fits, strongly regularised because there are few songs by fewer artists.

The softmax regression is drawn towards a prior (the tag "jazz" is evidence for the genre jazz), counts an artist with
many songs less than once per song, and penalises different scores for a degraded copy of a song. The linear
discriminant uses the scatter between artists of one genre. Both are linear, so their sum is one layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

from ml.features.arrays import Doubles, Floats, Integers, Reals
from ml.models.head import Linear


@dataclass(frozen=True)
class WeightedRows:
    """Trunk outputs (n, size), label indices (n,), artists (n,) and the weight of each row (n,)."""

    trunk_output: Floats
    labels: Integers
    artists: npt.NDArray[np.str_]
    counts: Floats

    def where(self, mask: npt.NDArray[np.bool_]) -> WeightedRows:
        return WeightedRows(self.trunk_output[mask], self.labels[mask], self.artists[mask], self.counts[mask])


@dataclass(frozen=True)
class Scale:
    mean: Doubles
    deviation: Doubles

    @classmethod
    def of(cls, trunk_output: Floats) -> Scale:
        return cls(trunk_output.mean(axis=0, dtype=np.float64), trunk_output.std(axis=0, dtype=np.float64) + 1e-6)

    def apply(self, trunk_output: Floats) -> Doubles:
        scaled: Doubles = (trunk_output - self.mean) / self.deviation
        return scaled

    def undo(self, weights: Doubles, bias: Doubles) -> Linear:
        """The same scores from unscaled inputs."""
        plain = weights / self.deviation[:, None]
        return Linear(plain.astype(np.float32), (bias - self.mean @ plain).astype(np.float32))


def ridge_weights(x: Reals, y: Reals, ridge: float) -> Doubles:
    """(features, outputs) of y = x @ weights for centred rows, by the smaller of the two equivalent systems."""
    if len(x) < x.shape[1]:
        weights = x.T @ np.linalg.solve(x @ x.T + ridge * np.eye(len(x)), y)
    else:
        weights = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)
    return np.asarray(weights, np.float64)


def ridge_regression(x: Floats, y: Floats, ridge: float) -> Linear:
    """y = x @ weights + bias, with `ridge` as the penalty on the weights of standardised inputs."""
    scale, mean = Scale.of(x), float(y.mean())
    return scale.undo(ridge_weights(scale.apply(x), (y - mean)[:, None], ridge), np.array([mean]))


def row_weights(rows: WeightedRows, labels: int) -> Doubles:
    """All labels have the same total; within one, an artist's total grows with the square root of their songs."""
    _, artist, songs = np.unique(rows.artists, return_inverse=True, return_counts=True)
    weights = rows.counts / np.sqrt(songs[artist])
    for label in range(labels):
        weights[rows.labels == label] /= max(weights[rows.labels == label].sum(), 1e-12)
    share: Doubles = weights / weights.sum()
    return share


def softmax_regression(
    rows: WeightedRows,
    labels: int,
    *,
    ridge: float,
    prior: Doubles | None = None,
    same: Floats | None = None,
    fidelity: float,
) -> Linear:
    """Multinomial logistic regression.

    prior: (size, labels), the standardised weights that `ridge` pulls towards. same: (pairs, size), differences of
    trunk output between copies of one song; `fidelity` penalises the change of score that they cause.
    """
    scale = Scale.of(rows.trunk_output)
    x, size = scale.apply(rows.trunk_output), rows.trunk_output.shape[1]
    start = np.zeros((size, labels)) if prior is None else prior
    target, share = np.eye(labels)[rows.labels], row_weights(rows, labels)
    steps = np.zeros((0, size)) if same is None else same / scale.deviation
    drift = fidelity * steps.T @ steps / max(len(steps), 1)

    def cost(flat: Doubles) -> tuple[float, Doubles]:
        weights, bias = flat[: size * labels].reshape(size, labels), flat[size * labels :]
        scores = x @ weights + bias
        total = logsumexp(scores, axis=1, keepdims=True)
        pulled, drifted = weights - start, drift @ weights
        loss = (share * (total[:, 0] - (scores * target).sum(axis=1))).sum()
        loss += (ridge * (pulled**2).sum() + (weights * drifted).sum()) / 2
        slope = share[:, None] * (np.exp(scores - total) - target)
        gradient = x.T @ slope + ridge * pulled + drifted
        return float(loss), np.concatenate([gradient.ravel(), slope.sum(axis=0)])

    begin = np.concatenate([start.ravel(), np.zeros(labels)])
    best = minimize(cost, begin, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return scale.undo(best[: size * labels].reshape(size, labels), best[size * labels :])


def artist_discriminant(rows: WeightedRows, labels: int, *, shrinkage: float) -> Linear:
    """Linear discriminant analysis; half of the scatter within a label is that between its artists' means."""
    scale = Scale.of(rows.trunk_output)
    x = scale.apply(rows.trunk_output)
    size = x.shape[1]
    centres, between, within = np.zeros((labels, size)), np.zeros((size, size)), np.zeros((size, size))
    for label in range(labels):
        of_label = rows.labels == label
        groups = [x[of_label & (rows.artists == artist)] for artist in np.unique(rows.artists[of_label])]
        means = np.array([group.mean(axis=0) for group in groups])
        share = np.sqrt([len(group) for group in groups])
        share /= share.sum()
        centres[label] = share @ means
        deviation = means - centres[label]
        between += (deviation * share[:, None]).T @ deviation / labels
        within += sum((group - mean).T @ (group - mean) for group, mean in zip(groups, means, strict=True)) / len(x)
    scatter = (between + within) / 2
    scatter = (1 - shrinkage) * scatter + shrinkage * np.trace(scatter) / size * np.eye(size)
    weights = np.linalg.solve(scatter, centres.T)
    return scale.undo(weights, -0.5 * (centres * weights.T).sum(axis=1))


def normalise(linear: Linear, trunk_output: Floats) -> Linear:
    """Scores whose mean over labels is zero for every song, with unit deviation over `trunk_output`."""
    weights = linear.weights - linear.weights.mean(axis=1, keepdims=True)
    bias = linear.bias - linear.bias.mean()
    centred = Linear(weights, bias)
    return centred.scaled(1 / float(centred(trunk_output).std()))


def add(*parts: Linear) -> Linear:
    return Linear(
        np.array([part.weights for part in parts]).sum(axis=0), np.array([part.bias for part in parts]).sum(axis=0)
    )
