"""Files that only the ffmpeg command can write."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.audio.ffmpeg import find_ffmpeg
from ml.features.arrays import Floats

from .sounds import encode


@pytest.fixture(scope="session")
def ffmpeg(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Encode samples (n, channels) with the ffmpeg command: `ffmpeg(samples, 44100, "m4a", "-c:a", "aac")`."""
    folder = tmp_path_factory.mktemp("ffmpeg")

    def run(samples: Floats, rate: int, extension: str, *options: str) -> bytes:
        source, target = folder / "in.wav", folder / f"out.{extension}"
        source.write_bytes(encode(samples, rate))
        subprocess.run(
            [find_ffmpeg("test"), "-nostdin", "-v", "error", "-y", "-i", source, *options, target], check=True
        )
        return target.read_bytes()

    return run


@pytest.fixture(scope="session")
def silent_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MP4 with a video track and no audio."""
    path = tmp_path_factory.mktemp("video") / "film.mp4"
    source = "testsrc=size=64x64:rate=5:duration=2"
    subprocess.run(
        [find_ffmpeg("test"), "-nostdin", "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "mpeg4", path], check=True
    )
    return path
