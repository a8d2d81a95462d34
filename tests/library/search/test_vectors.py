"""Vectors are read in the order of track ids, on both databases."""

from __future__ import annotations

import numpy as np
import pytest

from library.catalogue.database import Catalogue
from library.search import vectors
from tests.library.search.test_neighbours import add


def test_vectors_are_read_in_batches(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_ROWS_AT_ONCE", 2)
    track_ids = [add(catalogue, f"at {angle}", angle, turn=90) for angle in (0, 30, 60, 90, 120)]
    with catalogue.session() as session:
        ids, (harmony, sound) = vectors.read_vectors(session)
    assert ids.tolist() == track_ids
    np.testing.assert_allclose(sound[1], [np.cos(np.pi / 6), 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(harmony[0], [0, 1, 0], atol=1e-6)
    assert harmony.dtype == sound.dtype == np.float32


def test_an_empty_library_has_empty_arrays(catalogue: Catalogue) -> None:
    with catalogue.session() as session:
        ids, arrays = vectors.read_vectors(session)
    assert len(ids) == len(arrays[0]) == len(arrays[1]) == 0
