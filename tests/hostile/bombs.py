"""Small files that expand: hours of compressed silence, tags in tags, endless chunks."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import soundfile

from tests.hostile.case import Case, u32
from tests.hostile.false_headers import wav

HOUR = 3600


def silent_flac(hours: float, rate: int, channels: int, *, steady: bool = False) -> bytes:
    """Silence, or one constant value: a few bytes for each block of samples."""
    file = io.BytesIO()
    block = np.full((rate * 10, channels), 3000 if steady else 0, np.int16)
    with soundfile.SoundFile(file, "w", rate, channels, "PCM_16", format="FLAC") as song:
        for _ in range(int(hours * HOUR / 10)):
            song.write(block)
    return file.getvalue()


def _hours() -> Iterator[Case]:
    for hours, rate, channels in ((3, 8000, 1), (1, 44_100, 2), (0.5, 8000, 8), (0.02, 655_350, 8)):
        for steady in (False, True):
            data = silent_flac(hours, rate, channels, steady=steady)
            yield Case("bomb-hours", f"flac-{hours}h-{rate}-{channels}-{steady}", data)
    mpeg2_frame = b"\xff\xf3\x14\xc4" + bytes(20)  # 8 kbit/s at 24 kHz: 24 bytes are 24 milliseconds
    for frames in (50_000, 500_000):
        yield Case("bomb-hours", f"mp3-{frames}", mpeg2_frame * frames)
    adts = b"\xff\xf1\x6c\x40\x01\x7f\xfc\x01\x18\x20\x07\x00"[:11]
    yield Case("bomb-hours", "adts", adts * 300_000)
    one = io.BytesIO()
    soundfile.write(one, np.zeros((8000 * 60, 1), np.float32), 8000, format="OGG", subtype="OPUS")
    yield Case("bomb-hours", "chained-opus", one.getvalue() * 120)
    one = io.BytesIO()
    soundfile.write(one, np.zeros((8000 * 60, 1), np.float32), 8000, format="OGG", subtype="VORBIS")
    yield Case("bomb-hours", "chained-vorbis", one.getvalue() * 120)


def id3(body: bytes, size: int | None = None, version: int = 4, flags: int = 0) -> bytes:
    size = len(body) if size is None else size
    return b"ID3" + bytes([version, 0, flags]) + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def frame(name: bytes, body: bytes, size: int | None = None, flags: int = 0) -> bytes:
    return name + u32(len(body) if size is None else size, ">") + struct.pack(">H", flags) + body


def _tags(mp3: bytes) -> Iterator[Case]:
    for depth in (2, 100, 5000, 100_000):
        yield Case("bomb-tags", f"empty-{depth}", id3(b"") * depth + mp3)
    nested = b""
    for _ in range(60):
        nested = id3(frame(b"GEOB", b"\0" + nested))
    yield Case("bomb-tags", "nested", nested + mp3)
    zeros = zlib.compress(bytes(50_000_000))
    for name in (b"TIT2", b"TPE1", b"COMM", b"APIC"):
        for flags in (0x0008, 0x0009, 0x0080, 0x0040, 0x0002):
            body = u32(50_000_000, ">") + zeros
            yield Case("bomb-tags", f"inflate-{name.decode()}-{flags}", id3(frame(name, body, flags=flags)) + mp3)
    for size in (0, 1, 0x7F, 0x0FFFFFFF):
        for version in (0, 2, 3, 4, 255):
            yield Case("bomb-tags", f"size-{size}-{version}", id3(b"TIT2" + bytes(50), size, version, 0xFF) + mp3)
    title = frame(b"TIT2", b"\3" + b"A" * 8_000_000)
    yield Case("bomb-tags", "long-title", id3(title) + mp3)
    yield Case("bomb-tags", "many-titles", id3(frame(b"TIT2", b"\3a") * 100_000) + mp3)
    for encoding in range(6):
        for text in (b"\xff\xfe\x00\xd8", b"\xfe\xff\xd8\x00", b"\x1b[31m\x07\0\xe2\x80\xae", b"\xff" * 99):
            name = f"text-{encoding}-{text[:2].hex()}"
            yield Case("bomb-tags", name, id3(frame(b"TIT2", bytes([encoding]) + text)) + mp3)


def _chunks() -> Iterator[Case]:
    good = wav()
    for count, size in ((10_000, 0), (300_000, 0), (5000, 1), (1, 50_000_000)):
        junk = (b"JUNK" + u32(size) + bytes(size + size % 2)) * count
        yield Case("bomb-chunks", f"wav-{count}-{size}", good[:12] + junk + good[12:])
    deep = b"INAM" + u32(4) + b"abc\0"
    for _ in range(3000):
        deep = b"LIST" + u32(len(deep) + 4) + b"INFO" + deep
    yield Case("bomb-chunks", "wav-deep", good[:36] + deep + good[36:])
    for claimed in (0xFFFFFFFF, 0x7FFFFFFF, 0x40000000):
        yield Case("bomb-chunks", f"wav-claims-{claimed}", good[:12] + b"JUNK" + u32(claimed) + good[12:])
        form = b"FORM" + u32(100, ">") + b"AIFFNAME" + u32(claimed, ">") + b"A" * 100
        yield Case("bomb-chunks", f"aiff-claims-{claimed}", form)
    for length in (-1, -12, 0, 1 << 62, -(1 << 63)):
        head = b"caff\0\x01\0\0" + b"desc" + struct.pack(">q", 32)
        head += struct.pack(">d4sIIIII", 16_000.0, b"lpcm", 0, 2, 1, 1, 16)
        yield Case("bomb-chunks", f"caf-{length}", head + b"info" + struct.pack(">q", length) + bytes(64_000))
        yield Case("bomb-chunks", f"caf-data-{length}", head + b"data" + struct.pack(">q", length) + bytes(64_000))


def _boxes(m4a: bytes, webm: bytes, wma: bytes) -> Iterator[Case]:
    for outer in (b"moov", b"udta", b"meta", b"trak"):
        for depth in (50, 2000, 20_000):
            deep = b""
            for _ in range(min(depth, 20_000)):
                deep = u32(len(deep) + 8, ">") + outer + deep if depth < 20_000 else deep
            if depth == 20_000:
                deep = b"".join(u32(8 * (depth - level), ">") + outer for level in range(depth))
            yield Case("bomb-boxes", f"{outer.decode()}-{depth}", m4a[:32] + deep + m4a[32:])
    for size in (0, 1, 2, 7, 9, 0x7FFFFFFF, 0xFFFFFFFF):
        yield Case("bomb-boxes", f"free-{size}", m4a[:28] + u32(size, ">") + b"free" + m4a[28:])
    yield Case("bomb-boxes", "many", m4a[:28] + (u32(8, ">") + b"free") * 500_000 + m4a[28:])
    for name, master in (
        ("cluster", b"\x1f\x43\xb6\x75"),
        ("tags", b"\x12\x54\xc3\x67"),
        ("seek", b"\x11\x4d\x9b\x74"),
    ):
        for size in (b"\xff", b"\x01\xff\xff\xff\xff\xff\xff\xff", b"\x80", b"\x10\xff\xff\xff"):
            yield Case("bomb-boxes", f"ebml-{name}-{size.hex()}", webm[:60] + (master + size) * 5000 + webm[60:])
    for at in (16, 24, 30, 50, 78, 100):
        for value in (b"\0" * 8, b"\xff" * 8, b"\x01" + b"\0" * 7):
            yield Case("bomb-boxes", f"asf-{at}-{value.hex()}", wma[:at] + value + wma[at + 8 :])


def with_metadata(flac: bytes, kind: int, *bodies: bytes) -> bytes:
    """A FLAC with more blocks of metadata after the first."""
    blocks = b"".join(bytes([kind]) + len(body).to_bytes(3, "big") + body for body in bodies)
    return flac[:42] + blocks + flac[42:]


def _fill(part: bytes, size: int) -> bytes:
    return part * (size // len(part))


def _many_comments(size: int) -> bytes:
    count = min(size, 16_000_000) // 6
    return u32(4) + b"sori" + u32(count) + (u32(2) + b"a=") * count


def _wav_with_id3(wav: bytes, size: int) -> bytes:
    tag = id3(_fill(frame(b"TIT2", b"\3aa"), size))
    return wav[:12] + b"id3 " + u32(len(tag)) + tag + bytes(len(tag) % 2) + wav[12:]


REPEATED: dict[str, Callable[[dict[str, bytes], int], bytes]] = {
    "empty-id3": lambda good, size: _fill(id3(b""), size) + good["mp3"],
    "empty-id3-after": lambda good, size: good["mp3"] + _fill(id3(b""), size),
    "titles": lambda good, size: id3(_fill(frame(b"TIT2", b"\3a"), size)) + good["mp3"],
    "titles-2.2": lambda good, size: id3(_fill(b"TT2\0\0\2\3a", size), version=2) + good["mp3"],
    "unknown-frames": lambda good, size: id3(_fill(frame(b"XXXX", b""), size)) + good["mp3"],
    "cover": lambda good, size: id3(frame(b"APIC", bytes(size))) + good["mp3"],
    "flac-padding": lambda good, size: good["flac"][:42] + _fill(b"\1\0\0\0", size) + good["flac"][42:],
    "flac-application": lambda good, size: good["flac"][:42] + _fill(b"\2\0\0\4abcd", size) + good["flac"][42:],
    "flac-comments": lambda good, size: with_metadata(good["flac"], 4, _many_comments(size)),
    "wav-chunks": lambda good, size: good["wav"][:12] + _fill(b"JUNK" + u32(0), size) + good["wav"][12:],
    "wav-id3": lambda good, size: _wav_with_id3(good["wav"], size),
    "ogg-pages": lambda good, size: (
        good["vorbis"][:58] + _fill(b"OggS\0\0" + bytes(20) + b"\0", size) + good["vorbis"][58:]
    ),
    "frames-in-junk": lambda good, size: b"\0\1" + _fill(b"\xff\xfb\x90\xc4", size),
    "blank-lines": lambda good, size: b"\n" * size,
    "blank-lines-and-text": lambda good, size: b"\n" * 8000 + _fill(b"track 1", size),
    "free-boxes": lambda good, size: good["m4a"][:28] + _fill(u32(8, ">") + b"free", size) + good["m4a"][28:],
    "adts": lambda good, size: _fill(b"\xff\xf1\x50\x80\x00\xff\xfc", size),
}
"""About `size` bytes of one small part, again and again: what could cost a step or an object for each of them."""


def _comments(flac: bytes) -> Iterator[Case]:
    for count, length in ((0xFFFFFFFF, 4), (1, 0xFFFFFFFF), (200_000, 4), (0, 0)):
        body = u32(4) + b"sori" + u32(count) + (u32(length) + b"a=bc") * min(count, 200_000)
        block = b"\x04" + len(body).to_bytes(4, "big")[1:] + body
        yield Case("bomb-comments", f"flac-{count}-{length}", flac[:42] + block + flac[42:])
    for kind in (0, 1, 2, 3, 5, 6, 126, 127):
        for size in (0, 34, 0xFFFFFF):
            block = bytes([kind]) + size.to_bytes(3, "big") + bytes(64)
            yield Case("bomb-comments", f"block-{kind}-{size}", flac[:4] + block + flac[4:])
            yield Case("bomb-comments", f"second-{kind}-{size}", flac[:42] + block + flac[42:])


def bombs(good: dict[str, bytes], *, large: bool) -> list[Case]:
    """All of them; without `large`, only those that are quick to generate and decode."""
    small = [*_tags(good["mp3"]), *_chunks(), *_comments(good["flac"])]
    if {"m4a", "webm", "wma"} <= good.keys():
        small += _boxes(good["m4a"], good["webm"], good["wma"])
    size = 10_000_000 if large else 900_000
    for name, make in REPEATED.items():
        if "m4a" in good or name != "free-boxes":
            small.append(Case("bomb-repeated", name, make(good, size)))
    return [*small, *_hours()] if large else [case for case in small if len(case.data) < 1_000_000]
