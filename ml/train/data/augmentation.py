"""Degraded copies of a song: 8 kHz sampling, MP3 at 64 kbit/s, louder or softer.

Training adds them beside the original, so that the head learns to give all copies the same scores; evaluation counts
how often it does.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import soundfile
import soxr

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""

ORIGINAL = "as is"
NARROW_RATE = 8_000
MP3_RATE = 22_050
MP3_BITS_PER_SECOND = 64_000
MP3_LEVEL = 0.625
"""libsndfile's compression level for 64 kbit/s at this sample rate; a test measures it."""


def unchanged(samples: Floats) -> Floats:
    return samples


def narrow(samples: Floats) -> Floats:
    down = soxr.resample(samples, SAMPLE_RATE, NARROW_RATE)
    return np.asarray(soxr.resample(down, NARROW_RATE, SAMPLE_RATE), np.float32)


def mp3(samples: Floats) -> Floats:
    buffer = io.BytesIO()
    sound = np.clip(soxr.resample(samples, SAMPLE_RATE, MP3_RATE), -1, 1)
    soundfile.write(buffer, sound, MP3_RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=MP3_LEVEL)
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer, dtype="float32")
    return np.asarray(soxr.resample(decoded, MP3_RATE, SAMPLE_RATE), np.float32)


def gain(samples: Floats, *, decibels: float) -> Floats:
    return samples * np.float32(10 ** (decibels / 20))


VARIANTS: dict[str, Callable[[Floats], Floats]] = {
    ORIGINAL: unchanged,
    "8 kHz sampling": narrow,
    "MP3 at 64 kbit/s": mp3,
    "+6 dB": partial(gain, decibels=6.0),
    "-6 dB": partial(gain, decibels=-6.0),
}
TRAINED_VARIANTS = (ORIGINAL, "8 kHz sampling", "MP3 at 64 kbit/s")
