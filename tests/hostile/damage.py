"""Good files spoilt where it hurts: at the names, sizes and borders of their parts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from tests.hostile.case import EXTREMES, Case, chance_for

_MARKS = re.compile(
    rb"RIFF|RIFX|RF64|ds64|WAVE|fmt |fact|data|LIST|riff|FORM|COMM|SSND|FVER|\.snd|fLaC|OggS|OpusHead|OpusTags"
    rb"|\x01vorbis|\x03vorbis|\x05vorbis|\x7fFLAC|Speex   |Xing|Info|LAME|ID3|\xff[\xf2-\xfb]"
    rb"|ftyp|moov|mvhd|trak|tkhd|mdia|mdhd|hdlr|minf|stbl|stsd|mp4a|esds|alac|stts|stsc|stsz|stco|mdat|moof|traf|trun"
    rb"|caff|desc|kuki|pakt|chan|\x30\x26\xb2\x75|\xa1\xdc\xab\x8c|\x91\x07\xdc\xb7"
    rb"|\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x15\x49\xa9\x66|\x16\x54\xae\x6b|\x1f\x43\xb6\x75|\xa3"
)
"""What parts begin with: chunks, boxes, pages, frames, objects, elements."""
_MANY = 60


def borders(data: bytes) -> list[int]:
    """Where parts begin, those near the start and the end among them in any case."""
    found = [match.start() for match in _MARKS.finditer(data)]
    if len(found) > _MANY:
        step = len(found) // (_MANY // 3)
        found = found[: _MANY // 3] + found[_MANY // 3 :: step] + found[-_MANY // 3 :]
    return found or [0]


def cut(data: bytes, chance: random.Random, at: int) -> bytes:
    """The end is missing, from within the first bytes of some part, or one of the last bytes of all."""
    place = at + chance.choice((0, 1, 3, 4, 5, 7, 8, 11, 12, 16, 27, 40))
    if chance.random() < 0.2:
        place = len(data) - chance.choice((1, 2, 3, 4, 8, 100))
    return data[: max(0, place)]


def flip(data: bytes, chance: random.Random, at: int) -> bytes:
    """One to forty bits are wrong, near a border or all over."""
    spoilt = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 8, 40))):
        place = max(0, at + chance.randrange(-4, 24))
        place = chance.randrange(len(data)) if chance.random() < 0.3 else min(place, len(data) - 1)
        spoilt[place] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def lie(data: bytes, chance: random.Random, at: int) -> bytes:
    """A size or a count beside a name says something extreme, in either order of bytes."""
    width = chance.choice((1, 2, 4, 4, 4, 8))
    value = chance.choice((*EXTREMES, len(data), len(data) + 1, chance.getrandbits(32)))
    lied = (value & (1 << 8 * width) - 1).to_bytes(width, chance.choice(("little", "big")))
    place = max(0, at + chance.choice((-4, 4, 4, 8, 12, 16, 20, 24, 26)))
    return (data[:place] + lied + data[place + width :])[: max(len(data), place)]


def splice(data: bytes, chance: random.Random, at: int) -> bytes:
    """A piece is doubled, lost, blanked, moved to the front, or strange bytes come between."""
    end = min(len(data), at + chance.choice((1, 4, 13, 64, 1000, 5000)))
    piece, kind = data[at:end], chance.randrange(6)
    if kind == 0:
        return data[:end] + piece * chance.choice((1, 3, 50)) + data[end:]
    if kind == 1:
        return data[:at] + data[end:]
    if kind == 2:
        return data[:at] + bytes([chance.choice((0, 255))]) * len(piece) + data[end:]
    if kind == 3:
        return piece + data
    if kind == 4:
        return data[:at] + chance.randbytes(len(piece)) + data[at:]
    return data + data[at:]


DAMAGES: tuple[Callable[[bytes, random.Random, int], bytes], ...] = (cut, flip, flip, lie, lie, splice)


def damaged(name: str, data: bytes, count: int) -> Iterator[Case]:
    """`count` spoilt copies of a good file, the same ones in every run."""
    places = borders(data)
    for number in range(count):
        chance = chance_for("damage", name, number)
        damage = DAMAGES[number % len(DAMAGES)]
        spoilt = damage(data, chance, places[number // len(DAMAGES) % len(places)])
        if chance.random() < 0.1:
            spoilt = flip(spoilt, chance, 0) if spoilt else spoilt
        yield Case(f"damage-{name}", f"{damage.__name__}-{number}", spoilt)
