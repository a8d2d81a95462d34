"""Channels are mixed to their mean, and resampled."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

from ml.audio.loading import from_samples, load

from .assertions import assert_tone
from .sounds import encode, tone


def test_mixing_is_the_mean_of_the_channels() -> None:
    left, right = tone(hz=440, amplitude=0.4), tone(hz=440, amplitude=0.8)
    for channels in ([left, right], [left, right, left, right], [left * 2, right * 2, left * 0, right * 0]):
        assert_tone(load(io.BytesIO(encode(np.stack(channels, 1), subtype="FLOAT"))), amplitude=0.6)


def test_channels_that_cancel_are_decoded(ffmpeg: Callable[..., bytes]) -> None:
    samples = np.stack([tone(), -tone()], 1)
    assert_tone(load(io.BytesIO(encode(samples))))
    assert_tone(from_samples(samples, 44100))
    assert_tone(load(io.BytesIO(ffmpeg(samples, 44100, "m4a", "-c:a", "alac"))))


@pytest.mark.parametrize("rate", [0, 1_000_000])
def test_from_samples_names_a_wrong_rate(rate: int) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        from_samples(tone(), rate)


def test_from_samples_names_a_wrong_shape() -> None:
    with pytest.raises(ValueError, match="shape"):
        from_samples(np.zeros((2, 2, 2)), 44100)
