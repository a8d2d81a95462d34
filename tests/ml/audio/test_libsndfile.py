"""Formats that libsndfile decodes, and damage in them."""

from __future__ import annotations

import io

import numpy as np
import pytest

from ml.audio.loading import load
from ml.audio.sniff import sniff
from ml.report import errors

from .assertions import assert_tone, refusal
from .sounds import encode, tone

LIBSNDFILE_FORMATS = [
    ("WAV", "PCM_U8", 44100, "WAV"),
    ("WAV", "PCM_16", 44100, "WAV"),
    ("WAV", "PCM_24", 96000, "WAV"),
    ("WAV", "PCM_32", 8000, "WAV"),
    ("WAV", "FLOAT", 48000, "WAV"),
    ("WAV", "DOUBLE", 16000, "WAV"),
    ("WAV", "ULAW", 22050, "WAV"),
    ("WAV", "IMA_ADPCM", 44100, "WAV"),
    ("WAVEX", "PCM_16", 44100, "WAV"),
    ("RF64", "PCM_16", 44100, "WAV"),
    ("W64", "PCM_16", 44100, "W64"),
    ("AIFF", "PCM_16", 44100, "AIFF"),
    ("AIFF", "FLOAT", 44100, "AIFF"),
    ("AU", "PCM_16", 44100, "AU"),
    ("FLAC", "PCM_16", 44100, "FLAC"),
    ("FLAC", "PCM_24", 192000, "FLAC"),
    ("OGG", "VORBIS", 44100, "Ogg Vorbis"),
    ("OGG", "OPUS", 48000, "Ogg Opus"),
    ("MP3", "MPEG_LAYER_III", 44100, "MP3"),
    ("MP3", "MPEG_LAYER_III", 22050, "MP3"),
]


@pytest.mark.parametrize(("format", "subtype", "rate", "name"), LIBSNDFILE_FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_libsndfile_formats(format: str, subtype: str, rate: int, name: str, channels: int) -> None:
    samples = np.tile(tone(rate=rate)[:, np.newaxis], channels)
    audio = load(io.BytesIO(encode(samples, rate, format, subtype)))
    assert_tone(audio)
    assert (audio.format, audio.sample_rate) == (name, rate)


def test_sniff_names_the_formats() -> None:
    for format, subtype, rate, name in LIBSNDFILE_FORMATS:
        kind = sniff(io.BytesIO(encode(tone(rate=rate), rate, format, subtype)))
        assert (kind.format, kind.reader) == (name, "soundfile")


def test_damage_in_the_middle() -> None:
    data = bytearray(encode(np.random.default_rng(2).uniform(-0.5, 0.5, 20 * 44100), format="FLAC"))
    data[len(data) // 2 : len(data) // 2 + 20] = bytes(20)
    error = refusal(bytes(data))
    assert type(error) is errors.DamagedError
    assert error.facts["seconds"] == pytest.approx(10, abs=6)


def test_two_mp3_files_joined_into_one() -> None:
    data = encode(tone(6.0), format="MP3")
    assert load(io.BytesIO(data + data)).duration_seconds == pytest.approx(12.0, abs=0.2)
