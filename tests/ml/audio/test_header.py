"""Lengths, rates and channel counts that a header states, does not state, or states wrongly."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable

import numpy as np
import pytest

from ml.audio.loading import load
from ml.report import errors

from .assertions import assert_tone, refusal
from .sounds import encode, tone


@pytest.mark.parametrize("rate", [44100, 22050])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bitrate", [("-q:a", "4"), ("-b:a", "64k")])
def test_an_mp3_without_a_stated_length(
    ffmpeg: Callable[..., bytes], rate: int, channels: int, bitrate: tuple[str, str]
) -> None:
    """Quiet, then loud: with a variable bitrate, the first frames suggest a wrong length."""
    noise = np.random.default_rng(5).uniform(-1e-3, 1e-3, (3 * rate, channels)).astype(np.float32)
    samples = np.concatenate([np.tile(tone(3.0, rate)[:, np.newaxis], channels), noise, noise * 500])
    data = ffmpeg(samples, rate, "mp3", "-write_xing", "0", "-id3v2_version", "0", *bitrate)
    audio = load(io.BytesIO(data))
    assert_tone(audio, 9.0, amplitude=0.485)  # LAME takes 5 % off at some settings.
    assert np.abs(audio.samples[-8000:]).max() > 0.1


@pytest.mark.parametrize("length", [b"\x00" * 4, b"\xff" * 4, b"\xf0\xff\xff\x7f"])
def test_a_wav_whose_length_was_never_filled_in(length: bytes) -> None:
    data = bytearray(encode(tone()))
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = length
    assert_tone(load(io.BytesIO(bytes(data))))


def test_an_au_of_unknown_length_and_a_flac_of_unknown_length() -> None:
    au = bytearray(encode(tone(), format="AU"))
    au[8:12] = b"\xff" * 4
    assert_tone(load(io.BytesIO(bytes(au))))
    flac = bytearray(encode(tone(), format="FLAC"))
    flac[21:26] = bytes([flac[21] & 0xF0, 0, 0, 0, 0])
    assert load(io.BytesIO(bytes(flac))).duration_seconds > 2.5


@pytest.mark.parametrize("format", ["WAV", "RF64", "AIFF", "AU", "FLAC", "MP3"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_the_error_says_how_much_of_a_cut_file_is_missing(format: str, share: float) -> None:
    data = encode(tone(20.0), format=format)
    error = refusal(data[: int(len(data) * share)])
    assert type(error) is errors.TruncatedError
    assert error.facts["stated"] == pytest.approx(20.0, abs=0.2)
    assert error.facts["seconds"] == pytest.approx(20.0 * share, abs=1.5)
    assert "the rest is missing" in str(error)


def test_a_cut_file_without_its_index(ffmpeg: Callable[..., bytes]) -> None:
    m4a = ffmpeg(tone(20.0), 44100, "m4a")
    ogg = encode(tone(20.0), format="OGG")
    for data in (m4a[: len(m4a) // 2], ogg[: len(ogg) // 2]):
        error = refusal(data)
        assert type(error) is errors.IncompleteError
        assert str(error).startswith("The end of this")


def test_a_short_file_whose_header_states_hours() -> None:
    wav = bytearray(encode(tone(2.0)))
    at = wav.index(b"data") + 4
    wav[at : at + 4] = struct.pack("<I", 0x70000000)
    error = refusal(bytes(wav))
    assert type(error) is errors.TruncatedError
    assert error.facts["stated"] > 20_000
    flac = bytearray(encode(tone(2.0), format="FLAC"))
    flac[21:26] = bytes([flac[21] | 0x0F]) + b"\xff" * 4
    assert type(refusal(bytes(flac))) is errors.TruncatedError


@pytest.mark.parametrize("format", ["WAV", "AIFF", "FLAC", "OGG", "AU", "CAF"])
def test_a_header_without_content(format: str) -> None:
    data = encode(tone(), format=format)
    assert isinstance(refusal(data[:60]), errors.AudioError)
    assert type(refusal(data[:30] + os.urandom(5))) is not errors.UnknownFormatError


def test_a_broken_header(ffmpeg: Callable[..., bytes]) -> None:
    wma = ffmpeg(tone(), 44100, "wma")
    for data in (b"RIFF\xff\xff\xff\xffWAVEjunk" + bytes(100), wma[:100], b"\x1a\x45\xdf\xa3webm" + bytes(90)):
        error = refusal(data)
        assert type(error) is errors.CorruptError
        assert "no audio in it can be decoded" in str(error)


@pytest.mark.parametrize("rate", [0, 1, 1_000_000, 0xFFFFFFFF])
def test_absurd_sample_rates(rate: int) -> None:
    for format, layout, at in (("WAV", "<I", 24), ("AU", ">I", 16)):
        data = bytearray(encode(tone(), format=format))
        data[at : at + 4] = struct.pack(layout, rate)
        error = refusal(bytes(data))
        assert type(error) is errors.SampleRateError
        assert str(rate) in str(error)


def test_too_many_channels() -> None:
    error = refusal(encode(np.zeros((8000, 64), np.float32), 8000))
    assert type(error) is errors.ChannelsError
    assert "64 channels" in str(error)
