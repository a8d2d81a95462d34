"""Sound made on the spot: no audio file is ever stored with the code."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from ml.audio.foreign import find_ffmpeg

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


@pytest.fixture(scope="session")
def ffmpeg(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Encode samples (n, channels) with the ffmpeg command: `ffmpeg(samples, 44100, "m4a", "-c:a", "aac")`."""
    folder = tmp_path_factory.mktemp("ffmpeg")

    def run(samples: Array, rate: int, extension: str, *options: str) -> bytes:
        source, target = folder / "in.wav", folder / f"out.{extension}"
        source.write_bytes(encode(samples, rate))
        subprocess.run(
            [find_ffmpeg("test"), "-nostdin", "-v", "error", "-y", "-i", source, *options, target], check=True
        )
        return target.read_bytes()

    return run


@pytest.fixture(scope="session")
def silent_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MP4 with a picture that moves and no sound."""
    path = tmp_path_factory.mktemp("video") / "film.mp4"
    source = "testsrc=size=64x64:rate=5:duration=2"
    subprocess.run(
        [find_ffmpeg("test"), "-nostdin", "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "mpeg4", path],
        check=True,
    )
    return path
