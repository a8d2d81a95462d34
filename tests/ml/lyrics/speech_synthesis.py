"""Speech for the tests: sentences spoken by espeak-ng in several voices."""

from __future__ import annotations

import difflib
import io
import os
import random
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
import soxr

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats

WORDS = (
    *("baby", "blue", "dance", "fire", "guitar", "heart", "home", "love", "money", "moon", "never", "night"),
    *("party", "rain", "river", "road", "summer", "sun", "tonight", "where", "whiskey", "window"),
)
"""Every word that the small speech model can learn."""
VOICES = ("en-us", "en-us+m3", "en-us+f2", "en-gb", "en-gb+m7", "en-gb+f4")


@dataclass(frozen=True)
class Voice:
    """How espeak-ng speaks: `rate` in words a minute, `pitch` from 0 to 99, `gap` between words in 10 ms."""

    name: str = "en-us"
    rate: int = 150
    pitch: int = 50
    gap: int = 2


def sounds_alike(found: str, expected: str) -> bool:
    """Whether a text differs in a few letters at most. A small model misspells one now and then."""
    return difflib.SequenceMatcher(None, found, expected).ratio() >= 0.8


def require_speech_synthesis() -> None:
    """Skip the test where espeak-ng is missing. In CI it must be there."""
    if shutil.which("espeak-ng") is None:
        if os.environ.get("CI"):
            pytest.fail("espeak-ng is missing")
        pytest.skip("needs espeak-ng")


def speak(text: str, voice: Voice = Voice()) -> Floats:
    """The text as speech, mono at 16 kHz."""
    settings = ["-v", voice.name, "-s", str(voice.rate), "-p", str(voice.pitch), "-g", str(voice.gap)]
    process = subprocess.run(["espeak-ng", *settings, "--stdout", text], capture_output=True, check=True)
    samples, rate = soundfile.read(io.BytesIO(process.stdout), dtype="float32")
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)


def random_voice(random_numbers: random.Random) -> Voice:
    return Voice(
        name=random_numbers.choice(VOICES),
        rate=random_numbers.randint(120, 180),
        pitch=random_numbers.randint(25, 75),
        gap=random_numbers.randint(0, 6),
    )


def random_sentence(random_numbers: random.Random, words: int) -> str:
    return " ".join(random_numbers.choices(WORDS, k=words))
