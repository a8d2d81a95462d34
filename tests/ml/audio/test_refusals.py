"""A file that cannot be analysed is refused, with an error type and a sentence for the cause."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.audio.loading import load
from ml.audio.settings import DecodeLimits
from ml.report import errors

from .sounds import encode, tone


def refusal(data: bytes, limits: DecodeLimits | None = None) -> errors.AudioError:
    with pytest.raises(errors.AudioError) as caught:
        load(io.BytesIO(data), limits=limits or DecodeLimits())
    return caught.value


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("song.mp3", encode(tone(), format="MP3"))
    return file.getvalue()


NOT_AUDIO = [
    (b"", errors.EmptyError, "empty"),
    (b"hello, this is no song\n" * 50, errors.TextError, "text"),
    ("노래 가사입니다\n".encode() * 900, errors.TextError, "text"),
    ("노래 가사입니다\n".encode("cp949") * 900, errors.TextError, "text"),
    ("lyrics\n".encode("utf-16") * 3, errors.TextError, "text"),
    (b'{"title": "song"}', errors.TextError, "text"),
    (b"<!DOCTYPE html><html><body>404</body></html>", errors.WebPageError, "web page"),
    (b"#EXTM3U\n#EXTINF:3,Song\nsong.mp3\n", errors.PlaylistError, "M3U"),
    (b"C:\\Music\\song.mp3\r\nhttp://radio.example/live\r\n", errors.PlaylistError, "M3U"),
    (b"#EXTM3U\n#EXT-X-VERSION:3\nhttp://127.0.0.1/a.ts\n", errors.PlaylistError, "HLS"),
    (b"[playlist]\nFile1=song.mp3\n", errors.PlaylistError, "PLS"),
    (b'<?xml version="1.0"?><playlist xmlns="http://xspf.org/ns/0/">', errors.PlaylistError, "XSPF"),
    (b'FILE "a.wav" WAVE\n  TRACK 01 AUDIO\n', errors.PlaylistError, "CUE"),
    (b"\x89PNG\r\n\x1a\n" + bytes(100), errors.PictureError, "PNG"),
    (b"BM\x46\0\0\0\0\0\0\0\x36" + bytes(60), errors.PictureError, "BMP"),
    (b"BM is how this text begins", errors.TextError, "text"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100), errors.PictureError, "JPEG"),
    (b"RIFF\x24\0\0\0WEBPVP8 " + bytes(40), errors.PictureError, "WebP"),
    (b"\0\0\0\x18ftypheic" + bytes(40), errors.PictureError, "HEIC"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", errors.PictureError, "SVG"),
    (zipped(), errors.ArchiveError, "ZIP"),
    (gzip.compress(b"song"), errors.ArchiveError, "gzip"),
    (b"Rar!\x1a\x07\x01\0" + bytes(40), errors.ArchiveError, "RAR"),
    (b"7z\xbc\xaf\x27\x1c" + bytes(40), errors.ArchiveError, "7z"),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", errors.DocumentError, "PDF"),
    (b"\x7fELF\x02\x01\x01" + bytes(40), errors.ProgramError, "program"),
    (b"MThd\0\0\0\x06\0\x01\0\x02\x01\xe0", errors.MidiError, "notes"),
    (b"RIFF\x24\0\0\0AVI LIST" + bytes(40), errors.VideoError, "AVI"),
    (b"OggS\0\x02" + bytes(22) + b"\x80theora" + bytes(40), errors.VideoError, "Theora"),
    (b"MAC \x96\x0f" + bytes(40), errors.UnsupportedError, "Monkey"),
    (bytes(range(256)) * 20, errors.UnknownFormatError, "no known audio format"),
    (bytes(5000), errors.UnknownFormatError, "no known audio format"),
]


@pytest.mark.parametrize(("data", "kind", "word"), NOT_AUDIO)
def test_the_error_names_what_the_file_is(data: bytes, kind: type[errors.AudioError], word: str) -> None:
    error = refusal(data)
    assert type(error) is kind
    assert word in str(error)


def test_every_error_has_its_own_code_and_survives_pickling() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.SoriError)
    ]
    assert len({kind.code for kind in kinds}) == len(kinds) > 25
    error = refusal(encode(tone(0.5)))
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.facts) == (type(error), str(error), error.facts)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3", "OGG"])
def test_silence(format: str, ffmpeg: Callable[..., bytes]) -> None:
    assert type(refusal(encode(tone() * 0, format=format))) is errors.SilentError
    assert type(refusal(encode(tone(amplitude=5e-5), subtype="FLOAT"))) is errors.SilentError
    assert type(refusal(ffmpeg(tone() * 0, 44100, "m4a"))) is errors.SilentError


def test_too_short(ffmpeg: Callable[..., bytes]) -> None:
    for data in (encode(tone(0.5)), encode(tone(0.5), format="MP3"), ffmpeg(tone(0.5), 44100, "m4a")):
        error = refusal(data)
        assert type(error) is errors.TooShortError
        assert "the minimum is 1" in str(error)


@pytest.mark.parametrize("format", ["WAV", "RF64", "AIFF", "AU", "FLAC", "MP3"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_the_error_says_how_much_of_a_cut_file_is_missing(format: str, share: float) -> None:
    data = encode(tone(20.0), format=format)
    error = refusal(data[: int(len(data) * share)])
    assert type(error) is errors.TruncatedError
    assert error.facts["promised"] == pytest.approx(20.0, abs=0.2)
    assert error.facts["seconds"] == pytest.approx(20.0 * share, abs=1.5)
    assert "the rest is missing" in str(error)


@pytest.mark.parametrize("extension", ["m4a", "wma", "webm", "caf"])
def test_a_cut_file_of_ffmpeg(ffmpeg: Callable[..., bytes], extension: str) -> None:
    options = ("-movflags", "+faststart") if extension == "m4a" else ()
    data = ffmpeg(tone(20.0), 44100, extension, *options)
    assert type(refusal(data[: len(data) // 2])) is errors.TruncatedError


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
    assert error.facts["promised"] > 20_000
    flac = bytearray(encode(tone(2.0), format="FLAC"))
    flac[21:26] = bytes([flac[21] | 0x0F]) + b"\xff" * 4
    assert type(refusal(bytes(flac))) is errors.TruncatedError


def test_damage_in_the_middle() -> None:
    data = bytearray(encode(np.random.default_rng(2).uniform(-0.5, 0.5, 20 * 44100), format="FLAC"))
    data[len(data) // 2 : len(data) // 2 + 20] = bytes(20)
    error = refusal(bytes(data))
    assert type(error) is errors.DamagedError
    assert error.facts["seconds"] == pytest.approx(10, abs=6)


@pytest.mark.parametrize("format", ["WAV", "AIFF", "FLAC", "OGG", "AU", "CAF"])
def test_a_header_without_content(format: str) -> None:
    data = encode(tone(), format=format)
    assert isinstance(refusal(data[:60]), errors.AudioError)
    assert type(refusal(data[:30] + os.urandom(5))) is not errors.UnknownFormatError


def test_a_broken_header(ffmpeg: Callable[..., bytes]) -> None:
    wma = ffmpeg(tone(), 44100, "wma")
    for data in (
        b"RIFF\xff\xff\xff\xffWAVEjunk" + bytes(100),
        wma[:100],
        b"\x1a\x45\xdf\xa3webm" + bytes(90),
    ):
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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_samples_that_are_not_finite(value: float, rate: int) -> None:
    samples = tone(rate=rate)
    samples[len(samples) // 2] = value
    assert type(refusal(encode(samples, rate, subtype="FLOAT"))) is errors.NotFiniteError


def test_a_video_without_sound(silent_video: Path) -> None:
    error = refusal(silent_video.read_bytes())
    assert type(error) is errors.NoSoundError
    assert "video without an audio track" in str(error)


def test_a_protected_file(ffmpeg: Callable[..., bytes]) -> None:
    data = ffmpeg(tone(), 44100, "m4a", "-c:a", "aac").replace(b"mp4a", b"drms")
    assert type(refusal(data)) is errors.ProtectedError


def test_paths_that_are_not_files(tmp_path: Path) -> None:
    for path in (tmp_path / "none.mp3", "nul\0.mp3", tmp_path / ("x" * 300), __file__ + "/song.mp3"):
        with pytest.raises(errors.NotFoundError):
            load(path)
    with pytest.raises(errors.FolderError, match="is a folder"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(errors.NotAFileError):
        load(tmp_path / "pipe")
    with pytest.raises(errors.NotAFileError):
        load("/dev/zero")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_path_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.touch(0o000)
    root = os.geteuid() == 0
    if root:  # Root may read everything.
        os.seteuid(65534)
    try:
        with pytest.raises(errors.DeniedError, match="no permission"):
            load(path)
    finally:
        if root:
            os.seteuid(0)


def test_braces_in_a_name_are_not_placeholders(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError, match=r"\{0\.__class__\}\{path\}"):
        load(tmp_path / "{0.__class__}{path}")


class FailingFile(io.BytesIO):
    """A disk that fails after the first bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 100_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(errors.ReadError, match="Input/output error"):
        load(FailingFile(encode(tone(10.0))))
    assert capfd.readouterr() == ("", "")


def test_a_stream_without_end(ffmpeg: Callable[..., bytes]) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"RIFF" * (size // 4 + 1)

    with pytest.raises(errors.TooLargeError):
        load(Endless(), limits=DecodeLimits(max_spool_bytes=1_000_000))  # type: ignore[arg-type]


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
