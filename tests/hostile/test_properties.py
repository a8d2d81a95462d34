"""Properties of the parsers that read uploaded files first, for arbitrary bytes.

`HOSTILE_EXAMPLES` says how many examples of each are tried; `make hostile` tries many more than the suite does.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.formparser import MultiPartParser

from library.collection.tag_changes import read_album
from library.collection.tag_files import NAMES, TagError, read_tags
from ml.audio import frames
from ml.audio.header import read_header
from ml.audio.sniff import sniff
from ml.audio.source import View
from ml.audio.tags import clean, parse_name, title_and_artist
from ml.report.errors import AudioError
from tests.hostile.case import EXTREMES
from tests.hostile.valid_files import LIBSNDFILE_NAMES, valid_files
from web.api.uploads import readable

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES") or 60)
MANY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
FORMATS = ("WAV", "AIFF", "AU", "FLAC", "MP3", "WMA", "CAF", "Ogg Vorbis", "Ogg Opus", "Ogg FLAC", "MP4", "AAC", "W64")

_numbers = st.builds(
    lambda value, width, order: (value & (1 << 8 * width) - 1).to_bytes(width, order),  # type: ignore[arg-type]
    st.sampled_from(EXTREMES) | st.integers(0, 2**64 - 1),
    st.sampled_from((1, 2, 4, 8)),
    st.sampled_from(("little", "big")),
)
_words = st.sampled_from(
    [b"RIFF", b"WAVE", b"fmt ", b"data", b"ds64", b"FORM", b"AIFF", b"COMM", b"SSND", b".snd", b"fLaC", b"OggS",
     b"\x01vorbis", b"OpusHead", b"ID3\x03\0\0", b"ID3\x04\0\xff", b"TIT2", b"Xing",
     b"\xff\xfb\x90\xc4", b"\xff\xf1P\x80",
     b"caff\0\1\0\0", b"desc", b"ftyp", b"moov", b"udta", b"meta", b"ilst", b"\xa9nam", b"\x1a\x45\xdf\xa3", b"webm",
     b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", b"#EXTM3U\n", b"\xef\xbb\xbf", b"\xff\xfe"]
)  # fmt: skip
anything = st.lists(_words | _numbers | st.binary(max_size=60), max_size=30).map(b"".join) | st.binary(max_size=4000)


@pytest.fixture(scope="session")
def good() -> dict[str, bytes]:
    return dict(valid_files(LIBSNDFILE_NAMES))


@MANY
@given(anything)
def test_sniff_always_returns_a_kind(data: bytes) -> None:
    kind = sniff(io.BytesIO(data))
    assert kind.format and kind.start >= 0
    if kind.reader is None:
        assert isinstance(kind.refuse(), AudioError)


@MANY
@given(anything, st.integers(0, 4000), st.integers(1, 5))
def test_frame_functions_never_fail(data: bytes, at: int, count: int) -> None:
    frame = frames.mpeg_frame(data, at)
    assert frame is None or (frame.bytes >= 4 and frame.rate > 0)
    assert isinstance(frames.is_mpeg(data, at, count), bool)
    assert isinstance(frames.is_adts(data, at, count), bool)
    if data[:3] == b"ID3" and len(data) >= 10:
        assert frames.id3_size(data) >= 10


@MANY
@given(anything, st.sampled_from(FORMATS))
def test_a_stated_length_is_never_negative(data: bytes, format: str) -> None:
    try:
        header = read_header(View(io.BytesIO(data)), format)
    except AudioError:
        return
    assert header.stated_seconds is None or header.stated_seconds >= 0
    assert sum(map(len, header.patches.values())) < 100 and len(header.prefix) < 5000


@MANY
@given(st.data())
def test_a_corrupted_header_is_read(good: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(good)))
    corrupted = bytearray(good[name])
    for _ in range(data.draw(st.integers(1, 6))):
        number = data.draw(_numbers)
        at = data.draw(st.integers(0, 200))
        corrupted[at : at + len(number)] = number
    file = io.BytesIO(bytes(corrupted[: data.draw(st.integers(0, len(corrupted)))]))
    kind = sniff(file)
    with suppress(AudioError):
        read_header(View(file, kind.start), kind.format)
    title, artist = title_and_artist(file, kind.format, "a name.wav")
    assert title and (artist is None or artist)


@MANY
@given(anything, st.text(max_size=300), st.sampled_from(FORMATS))
def test_a_title_is_one_clean_line(data: bytes, name: str, format: str) -> None:
    for line in (*title_and_artist(io.BytesIO(data), format, name), *parse_name(name), clean(name), readable(name)):
        if line is not None:
            line.encode("utf-8")
            assert "\n" not in line and "\x1b" not in line and "\u202e" not in line and len(line) <= 300


@MANY
@given(data=st.data())
def test_tags_are_read_or_refused(
    good: dict[str, bytes], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "tagged"
    name = data.draw(st.sampled_from(["none", *sorted(good)]))
    start = data.draw(anything)
    path.write_bytes(start + good.get(name, b"")[data.draw(st.sampled_from((0, 4, 12, len(start)))) :])
    assert read_album(path) is None or read_album(path)
    with suppress(TagError):
        assert set(read_tags(path)) <= set(NAMES)


_lines = st.sampled_from(
    [b"\r\n", b"--b", b"--b--", b"--b\r\n", b"Content-Disposition: form-data; ", b'name="file"; ', b'filename="a"',
     b"\r\n\r\n",
     b"filename*=utf-8''", b"Content-Type: text/plain", b"Content-Transfer-Encoding: base64", b":", b";", b"\0", b'"']
)  # fmt: skip


@MANY
@given(st.lists(_lines | st.binary(max_size=30), max_size=40).map(b"".join))
def test_a_form_is_read_or_refused(body: bytes) -> None:
    parser = MultiPartParser(max_form_parts=100, max_form_memory_size=100_000)
    try:
        fields, files = parser.parse(io.BytesIO(body), b"b", len(body))
    except ValueError:
        return  # werkzeug makes no fields of it
    assert len(fields) + len(files) <= 100
    for _, file in files.items(multi=True):
        file.close()
