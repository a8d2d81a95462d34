"""Every format is decoded to the same signal."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.audio.loading import Audio, from_samples, load
from ml.audio.settings import SAMPLE_RATE, DecodeLimits
from ml.audio.sniff import sniff

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


def assert_tone(audio: Audio, seconds: float = 3.0, hz: float = 440.0, amplitude: float = 0.5) -> None:
    assert audio.samples.dtype == np.float32 and audio.samples.ndim == 1
    assert audio.samples.flags.c_contiguous and np.isfinite(audio.samples).all()
    assert audio.duration_seconds == len(audio.samples) / SAMPLE_RATE == pytest.approx(seconds, abs=0.15)
    middle = audio.samples[SAMPLE_RATE : 2 * SAMPLE_RATE]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) == pytest.approx(hz, abs=1)
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(amplitude, rel=0.05)


@pytest.mark.parametrize(("format", "subtype", "rate", "name"), LIBSNDFILE_FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_libsndfile_formats(format: str, subtype: str, rate: int, name: str, channels: int) -> None:
    samples = np.tile(tone(rate=rate)[:, np.newaxis], channels)
    audio = load(io.BytesIO(encode(samples, rate, format, subtype)))
    assert_tone(audio)
    assert (audio.format, audio.sample_rate) == (name, rate)


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


@pytest.mark.parametrize(("channels", "rate"), [(1, 44100), (2, 44100), (6, 48000), (2, SAMPLE_RATE)])
def test_path_file_object_and_array_are_equal(tmp_path: Path, channels: int, rate: int) -> None:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (12 * rate, channels)).astype(np.float32)
    path = tmp_path / "noise.wav"
    path.write_bytes(encode(samples, rate, "WAV", "FLOAT"))
    expected = from_samples(samples, rate).samples
    np.testing.assert_array_equal(load(path).samples, expected)
    np.testing.assert_array_equal(load(str(path)).samples, expected)
    np.testing.assert_array_equal(load(io.BytesIO(path.read_bytes())).samples, expected)
    with path.open("rb") as file:
        file.seek(1000)
        np.testing.assert_array_equal(load(file).samples, expected)
        assert not file.closed


def test_a_stream_that_cannot_seek() -> None:
    data = encode(tone())
    script = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin and child.stdout
        child.stdin.write(data)
        child.stdin.close()
        assert_tone(load(child.stdout))


def test_the_samples_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        load(io.BytesIO(encode(tone()))).samples[0] = 1


def test_mixing_is_the_mean_of_the_channels() -> None:
    left, right = tone(hz=440, amplitude=0.4), tone(hz=440, amplitude=0.8)
    for channels in ([left, right], [left, right, left, right], [left * 2, right * 2, left * 0, right * 0]):
        assert_tone(load(io.BytesIO(encode(np.stack(channels, 1), subtype="FLOAT"))), amplitude=0.6)


@pytest.mark.parametrize("channels", [3, 4, 6, 8])
def test_ffmpeg_mixes_any_number_of_channels(ffmpeg: Callable[..., bytes], channels: int) -> None:
    samples = np.tile(tone(amplitude=0.3)[:, np.newaxis], channels)
    audio = load(io.BytesIO(ffmpeg(samples, 44100, "mka", "-c:a", "flac")))
    assert audio.duration_seconds == pytest.approx(3.0, abs=0.1)
    assert 0.2 < np.abs(audio.samples).max() < 0.45


def test_channels_that_cancel_are_decoded(ffmpeg: Callable[..., bytes]) -> None:
    samples = np.stack([tone(), -tone()], 1)
    assert_tone(load(io.BytesIO(encode(samples))))
    assert_tone(from_samples(samples, 44100))
    assert_tone(load(io.BytesIO(ffmpeg(samples, 44100, "m4a", "-c:a", "alac"))))


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


def test_an_mp3_after_tags_or_junk() -> None:
    data = encode(tone(), format="MP3")
    tag = b"ID3\x04\x00\x00\x00\x00\x4e\x20" + bytes(0x4E << 7 | 0x20)
    for before in (tag, tag + tag, bytes(3000), b"junk \x00\xff\xfb\x01" * 200, tag + bytes(500)):
        assert_tone(load(io.BytesIO(before + data)))
    assert_tone(load(io.BytesIO(tag + encode(tone(), format="FLAC"))))


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


def test_two_mp3_files_joined_into_one() -> None:
    data = encode(tone(6.0), format="MP3")
    assert load(io.BytesIO(data + data)).duration_seconds == pytest.approx(12.0, abs=0.2)


def test_aac_after_a_tag(ffmpeg: Callable[..., bytes]) -> None:
    data = ffmpeg(tone(), 44100, "aac", "-c:a", "aac")
    assert_tone(load(io.BytesIO(b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + data)))


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


def test_the_extension_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(encode(tone(), format="FLAC"))
    assert load(path).format == "FLAC"


def test_sniff_names_the_formats() -> None:
    for format, subtype, rate, name in LIBSNDFILE_FORMATS:
        kind = sniff(io.BytesIO(encode(tone(rate=rate), rate, format, subtype)))
        assert (kind.format, kind.reader) == (name, "soundfile")


def test_the_import_loads_no_heavy_package() -> None:
    heavy = "('librosa', 'tensorflow', 'scipy', 'mutagen')"
    script = f"import sys, ml.audio.loading; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("rate", [0, 1_000_000])
def test_from_samples_names_a_wrong_rate(rate: int) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        from_samples(tone(), rate)


def test_from_samples_names_a_wrong_shape() -> None:
    with pytest.raises(ValueError, match="shape"):
        from_samples(np.zeros((2, 2, 2)), 44100)
