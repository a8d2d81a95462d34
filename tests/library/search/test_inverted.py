"""Candidates from an inverted file, beside the exact index."""

from __future__ import annotations

import numpy as np
import pytest

from library.search.clusters import nearest_centres, train_centres, train_rotation
from library.search.index import Index
from library.search.inverted import LARGEST_CODE, Encoding, InvertedFile
from ml.features.arrays import Floats
from tests.library.search.large import grouped


def inverted(vectors: Floats, lists: int, kept: int = 24) -> InvertedFile:
    rotation = train_rotation(vectors, kept)
    rotated = vectors @ rotation
    centres = train_centres(rotated, lists, np.random.default_rng(0))
    groups = nearest_centres(rotated, centres)
    order = np.argsort(groups, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(groups, minlength=lists))])
    encoding = Encoding.fitted(vectors, rotation)
    return InvertedFile(encoding, centres, offsets, order.astype(np.int64), encoding.encode(rotated)[order])


@pytest.mark.parametrize("size", [1, 3, 50, 700, 6_000])
def test_the_nearest_are_among_the_candidates(size: int) -> None:
    vectors, questions = grouped(size, 1), grouped(40, 2)
    exact, index = Index(vectors), inverted(vectors, max(1, round(2 * size**0.5)) if size > 3 else 1)
    right = 0
    for question in questions:
        expected = exact.nearest(question, 3)[0].tolist()
        candidates, is_all = index.nearest(question, 30, compared=1_500)
        right += len(set(expected) & set(candidates.tolist()))
        assert is_all == (size <= 30)
        assert len(set(candidates.tolist())) == len(candidates) == min(30, size)
    assert right >= 0.98 * 40 * min(3, size)


def test_candidates_come_about_in_order() -> None:
    vectors, question = grouped(5_000, 1), grouped(1, 2)[0]
    candidates, _ = inverted(vectors, 50).nearest(question, 100, compared=5_000)
    distances = np.linalg.norm(vectors[candidates] - question, axis=1)
    assert np.diff(distances).min() > -0.02


def test_equal_vectors_come_in_the_order_of_ids() -> None:
    vectors = np.repeat(grouped(1, 1), 300, axis=0)
    candidates, _ = inverted(vectors, 3).nearest(vectors[0], 400, compared=10_000)
    assert candidates.tolist() == list(range(300))


def test_only_allowed_ids_are_found_and_lists_are_read_until_there_are_enough() -> None:
    vectors, question = grouped(4_000, 1), grouped(1, 2)[0]
    allowed = np.zeros(4_000, bool)
    allowed[[5, 1_000, 3_999]] = True
    candidates, is_all = inverted(vectors, 40).nearest(question, 10, compared=100, allowed=allowed)
    assert sorted(candidates.tolist()) == [5, 1_000, 3_999] and is_all
    nothing, is_all = inverted(vectors, 40).nearest(question, 10, compared=100, allowed=np.zeros(4_000, bool))
    assert len(nothing) == 0 and is_all


def test_codes_stay_in_their_range() -> None:
    vectors = grouped(200, 1)
    encoding = Encoding.fitted(vectors, train_rotation(vectors, 8))
    codes = encoding.encode(10 * vectors @ encoding.rotation)
    assert codes.dtype == np.int8 and abs(codes.astype(int)).max() == LARGEST_CODE
    half = np.abs(encoding.encode(vectors @ encoding.rotation) * encoding.scales - vectors @ encoding.rotation)
    assert (half <= encoding.scales * 0.51).all()
