"""Inputs and files of the classic models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.features.handcrafted import extraction
from ml.features.mel import MEL_BANDS, WINDOW_FRAMES
from ml.models.classic import scikit
from ml.models.classic.networks import UnusableNetworkError, picture
from ml.models.classic.scikit import prepare
from ml.models.genre import load_keras, start_tensorflow


def test_the_key_of_a_song_does_not_change_the_inputs() -> None:
    choose = np.random.default_rng(0)
    names = extraction.NAMES
    row = choose.random((1, len(names))).astype(np.float32)
    bins = [[names.index(f"chroma_{number}_{what}") for number in range(1, 13)] for what in ("mean", "var")]
    moved = row.copy()
    for places in bins:
        moved[:, places] = np.roll(row[:, places], 5, axis=1)
    np.testing.assert_allclose(prepare(names, row)[1], prepare(names, moved)[1], atol=1e-5)
    found_names, found = prepare(names, row)
    assert len(found_names) == found.shape[1] and not np.allclose(prepare(names, row + 1)[1], found)


def test_a_picture_has_normalised_channels() -> None:
    drawn = picture(np.random.default_rng(0).random((3, WINDOW_FRAMES, MEL_BANDS)).astype(np.float32) * 7 + 2)
    assert drawn.shape == (3, 128, 128, 3) and drawn.dtype == np.float32
    np.testing.assert_allclose(drawn.mean(axis=(1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(drawn.std(axis=(1, 2)), 1, atol=1e-3)


def test_a_file_with_other_types_inside_is_refused(tmp_path: Path) -> None:
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import FunctionTransformer

    path = tmp_path / "strange.skops"
    skops.io.dump([LogisticRegression(), FunctionTransformer(func=pytest.fail)], path)
    with pytest.raises(scikit.UntrustedTypesError, match="pytest"):
        scikit.load(path)


def test_a_network_with_code_inside_is_refused(tmp_path: Path) -> None:
    start_tensorflow()
    import keras

    path, canary = tmp_path / "strange.keras", tmp_path / "canary"
    code = keras.layers.Lambda(eval(f"lambda x: (open({str(canary)!r}, 'w').close(), x)[1]"))  # noqa: S307
    keras.Sequential([keras.Input((1,)), code]).save(path)
    canary.unlink()  # written when the network was built here
    with pytest.raises(UnusableNetworkError):
        load_keras(path, UnusableNetworkError)
    assert not canary.exists()
