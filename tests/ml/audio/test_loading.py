"""The signal that `load` returns: its limits, its notes, and signals that cannot be analysed."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from ml.audio.loading import from_samples, load
from ml.audio.settings import DecodeLimits
from ml.report import errors

from .assertions import assert_tone, refusal
from .sounds import encode, tone


def test_the_samples_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        load(io.BytesIO(encode(tone()))).samples[0] = 1


def test_a_float_file_in_16_bit_units_is_scaled_down() -> None:
    audio = load(io.BytesIO(encode(tone() * 32768, subtype="FLOAT")))
    assert_tone(audio, amplitude=1.0)
    assert audio.notes == ("The level was far above full scale and was reduced.",)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3", "OGG"])
def test_a_long_file_is_cut_with_a_note(format: str) -> None:
    data = encode(tone(7.0), format=format)
    audio = load(io.BytesIO(data), limits=DecodeLimits(max_seconds=2.5))
    assert audio.duration_seconds == 2.5
    assert audio.notes == ("Only the first 2.5 seconds were analysed.",)
    assert load(io.BytesIO(data)).notes == ()


def test_a_file_of_exactly_the_limit_has_no_note(ffmpeg: Callable[..., bytes]) -> None:
    for data in (encode(tone(3.0)), ffmpeg(tone(3.0), 44100, "m4a", "-c:a", "alac")):
        assert load(io.BytesIO(data), limits=DecodeLimits(max_seconds=3.0)).notes == ()
    note = load(io.BytesIO(data), limits=DecodeLimits(max_seconds=2.0)).notes
    assert note == ("Only the first 2 seconds were analysed.",)


def test_the_note_counts_minutes() -> None:
    audio = from_samples(np.ones(8000 * 150, np.float32) * 0.1, 8000, limits=DecodeLimits(max_seconds=120))
    assert audio.notes == ("Only the first 2 minutes were analysed.",)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3", "OGG"])
def test_silence(format: str, ffmpeg: Callable[..., bytes]) -> None:
    assert type(refusal(encode(tone() * 0, format=format))) is errors.SilentError
    assert type(refusal(encode(tone(amplitude=5e-5), subtype="FLOAT"))) is errors.SilentError
    assert type(refusal(ffmpeg(tone() * 0, 44100, "m4a"))) is errors.SilentError


def test_too_short(ffmpeg: Callable[..., bytes]) -> None:
    for data in (encode(tone(0.5)), encode(tone(0.5), format="MP3"), ffmpeg(tone(0.5), 44100, "m4a")):
        error = refusal(data)
        assert type(error) is errors.TooShortError
        assert "the minimum is 1" in str(error)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_samples_that_are_not_finite(value: float, rate: int) -> None:
    samples = tone(rate=rate)
    samples[len(samples) // 2] = value
    assert type(refusal(encode(samples, rate, subtype="FLOAT"))) is errors.NotFiniteError


def test_the_import_loads_no_heavy_package() -> None:
    heavy = "('librosa', 'tensorflow', 'scipy', 'mutagen')"
    script = f"import sys, ml.audio.loading; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
