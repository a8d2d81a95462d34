"""Centres by k-means, and the directions that hold most of the vectors."""

from __future__ import annotations

import numpy as np
import pytest

from library.search.clusters import nearest_centres, train_centres, train_rotation
from tests.library.search.large import DIMENSIONS, GROUPS, grouped


def test_vectors_are_nearer_to_trained_centres_than_to_random_ones() -> None:
    vectors, random = grouped(3_000, 1), np.random.default_rng(2)
    trained = train_centres(vectors, GROUPS, random)
    np.testing.assert_allclose(np.linalg.norm(trained, axis=1), 1, rtol=1e-5)
    products = [(vectors @ centres.T).max(axis=1).mean() for centres in (trained, vectors[:GROUPS])]
    assert products[0] > products[1] + 0.05
    assert nearest_centres(vectors, trained).tolist() == np.argmax(vectors @ trained.T, axis=1).tolist()


def test_equal_vectors_leave_groups_empty_and_centres_finite() -> None:
    vectors = np.repeat(grouped(2, 1), 20, axis=0)
    centres = train_centres(vectors, 10, np.random.default_rng(0))
    assert centres.shape == (10, DIMENSIONS) and np.isfinite(centres).all()


def test_training_can_be_given_up() -> None:
    def give_up() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        train_centres(grouped(50, 1), 5, np.random.default_rng(0), give_up)


def test_a_whole_rotation_keeps_all_products() -> None:
    vectors = grouped(500, 3)
    rotated = vectors @ train_rotation(vectors, DIMENSIONS)
    np.testing.assert_allclose(rotated @ rotated.T, vectors @ vectors.T, atol=1e-5)
    most = (vectors @ train_rotation(vectors, 6)) ** 2
    assert most.sum(axis=1).mean() > 6 / DIMENSIONS
    assert list(most.mean(axis=0)) == sorted(most.mean(axis=0), reverse=True)
