"""Sound made on the spot: no audio file is ever stored with the code."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import soundfile

Array = npt.NDArray[np.float32]


def tone(seconds: float = 3.0, rate: int = 44100, hz: float = 440.0, amplitude: float = 0.5) -> Array:
    """A sine, shape (n,)."""
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def encode(samples: Array, rate: int = 44100, format: str = "WAV", subtype: str | None = None) -> bytes:
    """Bytes of a file as libsndfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()
