"""Formats that ffmpeg decodes, and what it refuses."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.audio.loading import load
from ml.audio.settings import DecodeLimits
from ml.report import errors

from .assertions import assert_tone, refusal
from .sounds import encode, tone

FFMPEG_FORMATS = [
    ("m4a", ("-c:a", "aac"), "MP4"),
    ("m4a", ("-c:a", "alac"), "MP4"),
    ("m4a", ("-c:a", "aac", "-movflags", "+faststart"), "MP4"),
    ("m4a", ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"), "MP4"),
    ("mov", ("-c:a", "pcm_s16le"), "MP4"),
    ("3gp", ("-c:a", "aac"), "MP4"),
    ("aac", ("-c:a", "aac"), "AAC"),
    ("wma", ("-c:a", "wmav2"), "WMA"),
    ("webm", ("-c:a", "libopus"), "WebM"),
    ("caf", ("-c:a", "pcm_s16be"), "CAF"),
    ("caf", ("-c:a", "alac"), "CAF"),
    ("oga", ("-c:a", "flac"), "Ogg FLAC"),
    ("mka", ("-c:a", "flac"), "Matroska"),
]


@pytest.mark.parametrize(("extension", "options", "name"), FFMPEG_FORMATS)
def test_ffmpeg_formats(
    ffmpeg: Callable[..., bytes], tmp_path: Path, extension: str, options: tuple[str, ...], name: str
) -> None:
    data = ffmpeg(np.tile(tone()[:, np.newaxis], 2), 44100, extension, *options)
    path = tmp_path / "song.bin"
    path.write_bytes(data)
    audio = load(path)
    assert_tone(audio)
    assert audio.format == name
    np.testing.assert_array_equal(load(io.BytesIO(data)).samples, audio.samples)


@pytest.mark.parametrize("channels", [3, 4, 6, 8])
def test_ffmpeg_mixes_any_number_of_channels(ffmpeg: Callable[..., bytes], channels: int) -> None:
    samples = np.tile(tone(amplitude=0.3)[:, np.newaxis], channels)
    audio = load(io.BytesIO(ffmpeg(samples, 44100, "mka", "-c:a", "flac")))
    assert audio.duration_seconds == pytest.approx(3.0, abs=0.1)
    assert 0.2 < np.abs(audio.samples).max() < 0.45


@pytest.mark.parametrize("extension", ["m4a", "wma", "webm", "caf"])
def test_a_cut_file_of_ffmpeg(ffmpeg: Callable[..., bytes], extension: str) -> None:
    options = ("-movflags", "+faststart") if extension == "m4a" else ()
    data = ffmpeg(tone(20.0), 44100, extension, *options)
    assert type(refusal(data[: len(data) // 2])) is errors.TruncatedError


def test_a_video_without_sound(silent_video: Path) -> None:
    error = refusal(silent_video.read_bytes())
    assert type(error) is errors.NoSoundError
    assert "video without an audio track" in str(error)


def test_a_protected_file(ffmpeg: Callable[..., bytes]) -> None:
    data = ffmpeg(tone(), 44100, "m4a", "-c:a", "aac").replace(b"mp4a", b"drms")
    assert type(refusal(data)) is errors.ProtectedError


def test_without_ffmpeg(monkeypatch: pytest.MonkeyPatch, ffmpeg: Callable[..., bytes]) -> None:
    from ml.audio import ffmpeg as reader

    data = ffmpeg(tone(), 44100, "m4a")
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    monkeypatch.setenv("PATH", "")
    reader._bundled.cache_clear()
    try:
        error = refusal(data)
    finally:
        reader._bundled.cache_clear()
    assert type(error) is errors.DecoderMissingError
    assert "MP4 needs ffmpeg" in str(error)


def test_a_decoder_out_of_time(ffmpeg: Callable[..., bytes]) -> None:
    data = ffmpeg(tone(20.0), 44100, "m4a")
    for slow in (data, encode(tone(20.0), format="MP3")):
        assert type(refusal(slow, DecodeLimits(decode_wall_seconds=0.0))) is errors.DecoderTimeoutError


def test_a_decoder_out_of_memory(ffmpeg: Callable[..., bytes]) -> None:
    error = refusal(ffmpeg(tone(20.0), 44100, "m4a"), DecodeLimits(decode_memory_bytes=20_000_000))
    assert isinstance(error, errors.AudioError)
