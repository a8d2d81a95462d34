"""Files with false headers: impossible rates, channels, widths, sizes and counts before a little real audio."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator

from tests.hostile.case import Case, spread, u32

RATES = (0, 1, 1999, 2000, 8000, 44_100, 768_000, 768_001, 0x7FFFFFFF, 0xFFFFFFFF)
CHANNELS = (0, 1, 2, 32, 33, 255, 1024, 0xFFFF)
WIDTHS = (0, 1, 7, 8, 12, 16, 24, 32, 64, 0xFFFF)
SIZES = (0, 1, 3, 0x7FFEFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
WAVE_TAGS = (0, 1, 2, 3, 6, 7, 0x11, 0x31, 0x50, 0x55, 0x61, 0xFF, 0x161, 0xF1AC, 0xFFFE, 0xFFFF)

_SAMPLES = struct.pack("<32000h", *((n * 7919) % 20_000 - 10_000 for n in range(32_000)))


def wav(
    tag: int = 1,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    size: int | None = None,
    block: int | None = None,
) -> bytes:
    block = channels * bits // 8 if block is None else block
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, bits)
    size = len(_SAMPLES) if size is None else size
    return b"RIFF" + u32(36 + size) + b"WAVEfmt " + u32(16) + head + b"data" + u32(size) + _SAMPLES


def aiff(channels: int, count: int, bits: int, exponent: int, mantissa: int) -> bytes:
    common = struct.pack(">HIHHQ", channels & 0xFFFF, count & 0xFFFFFFFF, bits & 0xFFFF, exponent & 0xFFFF, mantissa)
    parts = b"COMM" + u32(18, ">") + common + b"SSND" + u32(len(_SAMPLES) + 8, ">") + bytes(8) + _SAMPLES
    return b"FORM" + u32(len(parts) + 4, ">") + b"AIFF" + parts


def au(offset: int, size: int, encoding: int, rate: int, channels: int) -> bytes:
    return b".snd" + b"".join(u32(value, ">") for value in (offset, size, encoding, rate, channels)) + _SAMPLES


def flac_info(data: bytes, *, rate: int, channels: int, bits: int, count: int, block: int) -> bytes:
    """A valid FLAC with another first block of metadata."""
    packed = (rate & 0xFFFFF) << 44 | (channels - 1 & 7) << 41 | (bits - 1 & 31) << 36 | count & (1 << 36) - 1
    return data[:8] + struct.pack(">HH", block, block) + data[12:18] + packed.to_bytes(8, "big") + data[26:]


def _waves() -> Iterator[Case]:
    for tag, channels, rate in itertools.product(WAVE_TAGS, CHANNELS, RATES):
        yield Case("false-wav", f"{tag}-{channels}-{rate}", wav(tag, channels, rate))
    for bits, size, block in itertools.product(WIDTHS, SIZES, (None, 0, 1, 0xFFFF)):
        yield Case("false-wav", f"{bits}-{size}-{block}", wav(1, 1, 16_000, bits, size, block))


def _others() -> Iterator[Case]:
    for channels, count, bits in itertools.product(CHANNELS, SIZES, WIDTHS):
        yield Case("false-aiff", f"{channels}-{count}-{bits}", aiff(channels, count, bits, 0x400C, 0xFA00 << 48))
    for exponent, mantissa in itertools.product(
        (0, 1, 0x3FFF, 0x400E, 0x43FF, 0x7FFE, 0x7FFF, 0xC00C, 0xFFFF), (0, 1, 1 << 63, (1 << 64) - 1)
    ):
        yield Case("false-aiff", f"rate-{exponent}-{mantissa}", aiff(1, 32_000, 16, exponent, mantissa))
    for offset, size, encoding, rate, channels in itertools.product(
        (0, 23, 24, 25, 0xFFFFFFFF), SIZES[::2], (0, 1, 3, 6, 7, 27, 99), RATES[::3], CHANNELS[::2]
    ):
        name = f"{offset}-{size}-{encoding}-{rate}-{channels}"
        yield Case("false-au", name, au(offset, size, encoding, rate, channels))


def _flacs(flac: bytes) -> Iterator[Case]:
    for rate, channels, bits in itertools.product((0, 1, 1999, 22_050, 655_350, 0xFFFFF), (1, 2, 8), (4, 16, 32)):
        for count, block in ((0, 4096), (1, 16), ((1 << 36) - 1, 65_535), (33_075, 0)):
            data = flac_info(flac, rate=rate, channels=channels, bits=bits, count=count, block=block)
            yield Case("false-flac", f"{rate}-{channels}-{bits}-{count}", data)


def false_headers(flac: bytes, count: int) -> Iterator[Case]:
    for cases in (list(_waves()), list(_others()), list(_flacs(flac))):
        yield from spread(cases, count // 3 + 1)
