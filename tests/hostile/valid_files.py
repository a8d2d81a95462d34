"""Valid files to corrupt: one and a half seconds of synthesised audio in every supported format."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from ml.audio.ffmpeg import find_ffmpeg

RATE = 22_050
SECONDS = 1.5

_LIBSNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "wav-24": ("WAV", "PCM_24"),
    "wav-float": ("WAV", "FLOAT"),
    "wav-ulaw": ("WAV", "ULAW"),
    "wav-ima": ("WAV", "IMA_ADPCM"),
    "wav-ms": ("WAV", "MS_ADPCM"),
    "wavex": ("WAVEX", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "aiff-float": ("AIFF", "FLOAT"),
    "au": ("AU", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "flac-24": ("FLAC", "PCM_24"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
_FFMPEG = {
    "m4a": ("m4a", "-c:a", "aac"),
    "m4a-fast": ("m4a", "-c:a", "aac", "-movflags", "faststart"),
    "m4a-fragments": ("mp4", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "alac": ("m4a", "-c:a", "alac"),
    "adts": ("aac", "-c:a", "aac"),
    "wma": ("wma", "-c:a", "wmav2"),
    "webm": ("webm", "-c:a", "libopus"),
    "matroska": ("mka", "-c:a", "flac"),
    "caf": ("caf", "-c:a", "pcm_s16be"),
    "caf-alac": ("caf", "-c:a", "alac"),
    "ogg-flac": ("oga", "-c:a", "flac"),
}
NAMES = (*_LIBSNDFILE, *_FFMPEG)
LIBSNDFILE_NAMES = tuple(_LIBSNDFILE)
"""Formats that libsndfile reads: quick, but in the process itself."""


def chords_and_noise(seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    """Chords and noise in stereo, so that every codec has something to do."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(5).standard_normal((len(time), 2))
    tones = sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 277.2, 329.6))
    return (0.15 * np.asarray(tones)[:, None] + 0.02 * noise).astype(np.float32)


def encode(samples: np.ndarray, rate: int, format: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def encode_with_ffmpeg(source: bytes, extension: str, *options: str) -> bytes:
    """A WAV converted by the ffmpeg command."""
    with TemporaryDirectory() as folder:
        path, target = Path(folder) / "in.wav", Path(folder) / f"out.{extension}"
        path.write_bytes(source)
        command = [find_ffmpeg("test"), "-nostdin", "-v", "error", "-y", "-i", path, *options, target]
        subprocess.run(command, check=True, capture_output=True)
        return target.read_bytes()


def valid_files(names: tuple[str, ...] = NAMES) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of one valid file of each kind, without those that this ffmpeg cannot write."""
    samples = chords_and_noise()
    plain = encode(samples, RATE, "WAV", "PCM_16")
    for name in names:
        if name in _LIBSNDFILE:
            format, subtype = _LIBSNDFILE[name]
            rate = 48_000 if subtype == "OPUS" else RATE
            yield name, encode(chords_and_noise(rate=rate), rate, format, subtype)
            continue
        try:
            yield name, encode_with_ffmpeg(plain, *_FFMPEG[name])
        except subprocess.CalledProcessError:
            continue
