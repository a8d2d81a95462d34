"""Assertions that the tests of `ml.audio` share."""

from __future__ import annotations

import io

import numpy as np
import pytest

from ml.audio.loading import Audio, load
from ml.audio.settings import SAMPLE_RATE, DecodeLimits
from ml.report import errors


def assert_tone(audio: Audio, seconds: float = 3.0, hz: float = 440.0, amplitude: float = 0.5) -> None:
    assert audio.samples.dtype == np.float32 and audio.samples.ndim == 1
    assert audio.samples.flags.c_contiguous and np.isfinite(audio.samples).all()
    assert audio.duration_seconds == len(audio.samples) / SAMPLE_RATE == pytest.approx(seconds, abs=0.15)
    middle = audio.samples[SAMPLE_RATE : 2 * SAMPLE_RATE]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) == pytest.approx(hz, abs=1)
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(amplitude, rel=0.05)


def refusal(data: bytes, limits: DecodeLimits | None = None) -> errors.AudioError:
    with pytest.raises(errors.AudioError) as caught:
        load(io.BytesIO(data), limits=limits or DecodeLimits())
    return caught.value
