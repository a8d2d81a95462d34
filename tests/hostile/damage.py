"""Corrupts valid files where it matters most: at the names, sizes and borders of their parts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from tests.hostile.case import EXTREMES, Case, seeded_random

_MARKS = re.compile(
    rb"RIFF|RIFX|RF64|ds64|WAVE|fmt |fact|data|LIST|riff|FORM|COMM|SSND|FVER|\.snd|fLaC|OggS|OpusHead|OpusTags"
    rb"|\x01vorbis|\x03vorbis|\x05vorbis|\x7fFLAC|Speex   |Xing|Info|LAME|ID3|\xff[\xf2-\xfb]"
    rb"|ftyp|moov|mvhd|trak|tkhd|mdia|mdhd|hdlr|minf|stbl|stsd|mp4a|esds|alac|stts|stsc|stsz|stco|mdat|moof|traf|trun"
    rb"|caff|desc|kuki|pakt|chan|\x30\x26\xb2\x75|\xa1\xdc\xab\x8c|\x91\x07\xdc\xb7"
    rb"|\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x15\x49\xa9\x66|\x16\x54\xae\x6b|\x1f\x43\xb6\x75|\xa3"
)
"""The first bytes of parts: chunks, boxes, pages, frames, objects, elements."""
_MANY = 60


def borders(data: bytes) -> list[int]:
    """Offsets at which parts begin, always including those near the start and the end."""
    starts = [match.start() for match in _MARKS.finditer(data)]
    if len(starts) > _MANY:
        step = len(starts) // (_MANY // 3)
        starts = starts[: _MANY // 3] + starts[_MANY // 3 :: step] + starts[-_MANY // 3 :]
    return starts or [0]


def cut(data: bytes, rng: random.Random, at: int) -> bytes:
    """Remove the end, from the first bytes of a part or from the last bytes of the file."""
    offset = at + rng.choice((0, 1, 3, 4, 5, 7, 8, 11, 12, 16, 27, 40))
    if rng.random() < 0.2:
        offset = len(data) - rng.choice((1, 2, 3, 4, 8, 100))
    return data[: max(0, offset)]


def flip(data: bytes, rng: random.Random, at: int) -> bytes:
    """Flip one to forty bits, near a border or anywhere."""
    corrupted = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8, 40))):
        offset = max(0, at + rng.randrange(-4, 24))
        offset = rng.randrange(len(data)) if rng.random() < 0.3 else min(offset, len(data) - 1)
        corrupted[offset] ^= 1 << rng.randrange(8)
    return bytes(corrupted)


def falsify(data: bytes, rng: random.Random, at: int) -> bytes:
    """Write an extreme size or count beside a name, in either byte order."""
    width = rng.choice((1, 2, 4, 4, 4, 8))
    value = rng.choice((*EXTREMES, len(data), len(data) + 1, rng.getrandbits(32)))
    false_value = (value & (1 << 8 * width) - 1).to_bytes(width, rng.choice(("little", "big")))
    offset = max(0, at + rng.choice((-4, 4, 4, 8, 12, 16, 20, 24, 26)))
    return (data[:offset] + false_value + data[offset + width :])[: max(len(data), offset)]


def splice(data: bytes, rng: random.Random, at: int) -> bytes:
    """Repeat, remove, blank or move a piece, or insert random bytes."""
    end = min(len(data), at + rng.choice((1, 4, 13, 64, 1000, 5000)))
    piece, kind = data[at:end], rng.randrange(6)
    if kind == 0:
        return data[:end] + piece * rng.choice((1, 3, 50)) + data[end:]
    if kind == 1:
        return data[:at] + data[end:]
    if kind == 2:
        return data[:at] + bytes([rng.choice((0, 255))]) * len(piece) + data[end:]
    if kind == 3:
        return piece + data
    if kind == 4:
        return data[:at] + rng.randbytes(len(piece)) + data[at:]
    return data + data[at:]


DAMAGES: tuple[Callable[[bytes, random.Random, int], bytes], ...] = (cut, flip, flip, falsify, falsify, splice)


def damaged_copies(name: str, data: bytes, count: int) -> Iterator[Case]:
    """`count` corrupted copies of a valid file, the same in every run."""
    offsets = borders(data)
    for number in range(count):
        rng = seeded_random("damage", name, number)
        damage = DAMAGES[number % len(DAMAGES)]
        corrupted = damage(data, rng, offsets[number // len(DAMAGES) % len(offsets)])
        if rng.random() < 0.1:
            corrupted = flip(corrupted, rng, 0) if corrupted else corrupted
        yield Case(f"damage-{name}", f"{damage.__name__}-{number}", corrupted)
