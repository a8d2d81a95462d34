"""Whatever a file holds, the product does a bounded number of steps before and beside decoding.

Steps are counted, not timed: the reads of a file object. The double of a crafted file takes no more of them.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from ml.audio import ffmpeg as decoder
from ml.audio import frames, sniff_server, tags, text_files
from ml.audio.header import read_header
from ml.audio.libsndfile import decode
from ml.audio.loading import load
from ml.audio.parts import MAX_PARTS, MAX_READ_BYTES, MAX_READS, BoundedFile, chunks, small_id3
from ml.audio.settings import DecodeLimits
from ml.audio.sniff import MAX_FRAME_STARTS, MAX_ID3_TAGS, sniff
from ml.audio.source import View, open_source
from ml.report import errors
from tests.hostile.bombs import REPEATED, frame, id3, with_metadata
from tests.hostile.valid_files import valid_files

from .assertions import refusal
from .sounds import encode, tone


class CountingFile(io.BytesIO):
    """Counts the calls of `read` and the bytes that they returned."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads = 0
        self.bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.reads += 1
        self.bytes_read += len(data)
        return data


CRAFTED = {
    "empty tags": id3(b""),
    "frames without sound": b"\xff\xfb\x90\xc4",
    "free boxes": b"\0\0\0\x08free",
    "blocks of padding": b"fLaC\x01\0\0\0",
    "blank lines": b"\n",
    "songs of a list": b"a.mp3 \n",
    "nothing": b"\0",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_sniffing_takes_no_more_steps_for_more_bytes(name: str) -> None:
    counts = []
    for length in (1_000_000, 2_000_000):
        file = CountingFile(CRAFTED[name] * (length // len(CRAFTED[name])))
        sniff(file)
        counts.append((file.reads, file.bytes_read))
    assert counts[0] == counts[1]
    assert counts[0][0] <= MAX_ID3_TAGS + 3


def test_a_song_may_have_a_few_tags() -> None:
    song = encode(tone(), format="MP3")
    assert sniff(io.BytesIO(id3(b"") * MAX_ID3_TAGS + song)).reader == "soundfile"
    error = refusal(id3(b"") * (MAX_ID3_TAGS + 1) + song)
    assert type(error) is errors.TooManyPartsError
    assert "more tags" in str(error)


def test_a_few_positions_are_tried_for_a_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def count(data: bytes, at: int, number: int) -> bool:
        tried.append(at)
        return False

    monkeypatch.setattr(frames, "is_mpeg", count)
    sniff(io.BytesIO(bytes([0, 1]) + b"\xff\xfb\x90\xc4" * 16_000))
    assert len(tried) <= MAX_FRAME_STARTS + 1


def test_every_start_of_a_frame_is_possible() -> None:
    for second in range(256):
        for third in range(256):
            data = bytes([0xFF, 0xFF, second, third, 0, 0])
            starts = {at for at in range(3) if frames.mpeg_frame(data, at) is not None}
            assert starts <= set(frames.possible_starts(data))


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ('FILE "a.wav" WAVE\n\n \t TRACK 01 AUDIO\n', "CUE"),
        ("track one audio\n", "text"),
        ("http://radio.example/live\nhttps://radio.example/a b\nlast", "text"),
        ("http://radio.example/live\n\nC:\\Music\\a.AIFF  \nhttp://cut", "M3U"),
        ("# only a comment", "text"),
        ("ffconcat version 1.0\n", "ffconcat"),
    ],
)
def test_lists_of_songs_are_recognised(text: str, format: str) -> None:
    identified = text_files.identify_text(text.encode())
    assert identified is not None and identified[0] == format


def test_a_kind_survives_the_way_through_a_line(tmp_path: Path) -> None:
    path = tmp_path / "노래\n.mp3"
    for data in (encode(tone()), id3(b"") + encode(tone(), format="MP3"), b"\x89PNG\r\n\x1a\n", b"text", bytes(50)):
        path.write_bytes(data)
        line = sniff_server.question(path).decode()
        assert line.count("\n") == 1
        assert sniff_server.parse_answer(sniff_server.answer(line).encode()) == sniff(io.BytesIO(data))
    with pytest.raises(errors.ReadError, match="No such file"):
        sniff_server.parse_answer(sniff_server.answer(sniff_server.question(tmp_path / "gone").decode()).encode())


@pytest.fixture(scope="session")
def good() -> dict[str, bytes]:
    return dict(valid_files(("wav", "flac", "vorbis", "mp3", "m4a")))


def steps(data: bytes) -> dict[str, tuple[int, int]]:
    """Reads and bytes of what examines a file beside the decoder."""
    counts = {}
    kind = sniff(io.BytesIO(data))
    for name, examine in (
        ("header", lambda file: read_header(View(file, kind.start), kind.format)),
        ("tags", lambda file: tags.title_and_artist(file, kind.format, "name.wav")),
    ):
        file = CountingFile(data)
        with contextlib.suppress(errors.TooManyPartsError):
            examine(file)
        counts[name] = (file.reads, file.bytes_read)
    return counts


@pytest.mark.parametrize("name", REPEATED)
def test_examining_takes_no_more_steps_for_more_bytes(good: dict[str, bytes], name: str) -> None:
    """From a size on at which every limit is reached. The last bytes may be divided differently among the reads."""
    once, twice = (steps(REPEATED[name](good, size)) for size in (MAX_READ_BYTES + 10, 2 * MAX_READ_BYTES + 20))
    for part, (reads, count) in twice.items():
        assert reads <= once[part][0] + 10 and reads <= MAX_READS + 2 * MAX_PARTS
        assert count <= once[part][1] + 100_000 and count <= 1.1 * MAX_READ_BYTES


def test_ogg_headers_are_limited(good: dict[str, bytes]) -> None:
    """libvorbis takes eight bytes of memory for each byte of crafted comments."""
    page = b"OggS\0\0" + bytes(8) + bytes(12) + b"\xff" + b"\xff" * 255 + bytes(255 * 255)
    for parts in (page * 250, (b"OggS\0\0" + bytes(20) + b"\0") * (MAX_PARTS + 1)):
        error = refusal(good["vorbis"][:58] + parts + good["vorbis"][58:])
        assert type(error) is errors.TooManyPartsError


def test_flac_metadata_is_left_out(good: dict[str, bytes]) -> None:
    """libFLAC gets the first block and the sound alone, so nothing else takes memory there."""
    plain, large = load(io.BytesIO(good["flac"])), load(io.BytesIO(with_metadata(good["flac"], 6, bytes(5_000_000))))
    assert (plain.samples == large.samples).all()
    data = with_metadata(good["flac"], 2, bytes(5_000_000))
    header = read_header(View(io.BytesIO(data)), "FLAC")
    assert header.skip > 5_000_000 and len(header.prefix) == 42
    error = refusal(with_metadata(good["flac"], 1, *[b""] * MAX_PARTS))
    assert type(error) is errors.TooManyPartsError


def test_a_chunk_after_many_others_is_not_found(good: dict[str, bytes]) -> None:
    data = good["wav"][:12] + b"JUNK\0\0\0\0" * 2 * MAX_PARTS + good["wav"][12:]
    assert len(list(chunks(io.BytesIO(data), 12, "<4sI"))) == MAX_PARTS


def test_a_title_after_a_large_cover_is_read(good: dict[str, bytes]) -> None:
    for version in (3, 4):
        size = 5_000_000
        stated = bytes(
            size >> shift & (0x7F if version == 4 else 0xFF) for shift in ((21, 14, 7, 0), (24, 16, 8, 0))[version == 3]
        )
        cover = b"APIC" + stated + bytes(2) + bytes(size)
        tagged = id3(cover + frame(b"TIT2", b"\3a title"), version=version)
        assert load(io.BytesIO(tagged + good["mp3"])).title == "a title"
        assert len(small_id3(io.BytesIO(tagged), 0)) < 1000
        chunk = b"id3 " + len(tagged).to_bytes(4, "little") + tagged + bytes(len(tagged) % 2)
        assert load(io.BytesIO(good["wav"] + chunk)).title == "a title"


def test_a_tag_is_cut_to_what_mutagen_can_take() -> None:
    crowded = id3(frame(b"TIT2", b"\3a") * 100_000)
    assert len(small_id3(io.BytesIO(crowded), 0)) < 20_000
    flagged = id3(frame(b"TIT2", b"\3a") * 100_000, flags=0x80)
    assert len(small_id3(io.BytesIO(flagged), 0)) < 300_000


def test_a_parser_can_read_only_so_much() -> None:
    file = BoundedFile(io.BytesIO(bytes(2 * MAX_READ_BYTES)))
    for _ in range(MAX_READS):
        assert len(file.read(1)) == 1
    with pytest.raises(OSError, match="more is read"):
        file.read(1)
    with pytest.raises(OSError, match="more is read"):
        BoundedFile(io.BytesIO(bytes(2 * MAX_READ_BYTES))).read()


def test_a_decoder_that_reads_on_is_stopped(good: dict[str, bytes]) -> None:
    """mpg123 skips tags after the sound without returning; only the file it reads from can stop it."""
    data = good["mp3"] + id3(b"") * 100_000
    with open_source(io.BytesIO(data), "song", DecodeLimits()) as source:
        kind = sniff(source.file)
        with pytest.raises(errors.DecoderTimeoutError):
            decode(source, kind, DecodeLimits(decode_cpu_seconds=0.0))


def test_ffmpeg_is_stopped_at_its_processor_time(good: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "_MAX_MESSAGE_BYTES", 1 << 40)
    data = b"\xff\xf1\x50\x80\x00\xff\xfc" * 14_000_000
    error = refusal(data, DecodeLimits(decode_cpu_seconds=1.0, decode_wall_seconds=60.0))
    assert type(error) is errors.DecoderTimeoutError and "1 seconds" in str(error)


def test_a_flood_of_messages_ends_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "_MAX_MESSAGE_BYTES", 5000)
    limits = DecodeLimits(decode_cpu_seconds=400.0, decode_wall_seconds=30.0)
    assert isinstance(refusal(b"\xff\xf1\x50\x80\x00\xff\xfc" * 14_000_000, limits), errors.CorruptError)
