"""The exact search gives what scikit-learn's brute force gives, in any size, filtered or not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from library.search.index import Index


@pytest.mark.parametrize("size", [1, 5, 511, 512, 513, 5_000, 40_000])
def test_the_neighbours_are_those_of_scikit_learn(size: int) -> None:
    random = np.random.default_rng(size)
    vectors = random.standard_normal((size, 24)).astype(np.float32)
    questions = random.standard_normal((8, 24)).astype(np.float32)
    count = min(10, size)
    expected = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(vectors.astype(np.float64))
    distances, rows = expected.kneighbors(questions.astype(np.float64))
    index = Index(vectors)
    for question, right, apart in zip(questions, rows, distances, strict=True):
        found, measured = index.nearest(question, 10)
        assert found.tolist() == right.tolist()
        np.testing.assert_allclose(measured, apart, rtol=1e-5)


def test_what_nearly_coincides_is_told_apart() -> None:
    """Far from the origin products cancel: only differences can say which of two twins is nearer."""
    random = np.random.default_rng(1)
    vectors = 30 + random.standard_normal((20_000, 32)).astype(np.float32)
    question = vectors[777].copy()
    vectors[4_242] = question + np.float32(1e-4)
    vectors[9_999] = question + np.float32(2e-4)
    rows, distances = Index(vectors).nearest(question, 3)
    assert rows.tolist() == [777, 4_242, 9_999]
    assert distances[0] == 0 < distances[1] < distances[2]


def test_an_array_that_lies_right_is_not_copied() -> None:
    vectors = np.asfortranarray(np.random.default_rng(3).standard_normal((50, 8)).astype(np.float32))
    index = Index(vectors)
    assert np.shares_memory(index.vectors, vectors)
    assert np.array_equal(index.vectors, Index(np.ascontiguousarray(vectors)).vectors)


def test_copies_come_in_order() -> None:
    vectors = np.zeros((2_000, 4), np.float32)
    rows, distances = Index(vectors).nearest(np.zeros(4, np.float32), 3)
    assert rows.tolist() == [0, 1, 2]
    assert distances.tolist() == [0, 0, 0]


def test_a_filter_leaves_only_what_is_allowed() -> None:
    random = np.random.default_rng(2)
    vectors = random.standard_normal((3_000, 8)).astype(np.float32)
    allowed = np.zeros(3_000, bool)
    allowed[[5, 2_999]] = True
    rows, _ = Index(vectors).nearest(vectors[0], 3, allowed=allowed)
    assert set(rows.tolist()) == {5, 2_999}
    assert len(Index(vectors).nearest(vectors[0], 3, allowed=np.zeros(3_000, bool))[0]) == 0


def test_an_empty_library_has_no_neighbours() -> None:
    rows, distances = Index(np.empty((0, 8), np.float32)).nearest(np.zeros(8, np.float32), 3)
    assert len(rows) == len(distances) == 0
