"""The content of a file decides what it is, and the error names what it is instead of audio."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from ml.audio.loading import load
from ml.report import errors

from .assertions import refusal
from .sounds import encode, tone


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
    (gzip.compress(b"song", mtime=0), errors.ArchiveError, "gzip"),
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


def test_the_extension_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(encode(tone(), format="FLAC"))
    assert load(path).format == "FLAC"
