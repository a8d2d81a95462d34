"""Frame headers of MPEG audio (MP3) and ADTS (AAC), and the size of an ID3v2 tag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_RATES = (44100, 48000, 32000)
_KBPS = {
    # (version 1?, layer): kilobits per second by index 1..14
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}

_MPEG_START = re.compile(rb"\xff(?=[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef])")
"""The sync word before a version, a layer and a bitrate that exist."""


@dataclass(frozen=True)
class MpegFrame:
    """One MPEG audio frame: its length in `bytes`, its `rate` in Hz, and how many `samples` it holds."""

    bytes: int
    rate: int
    samples: int
    layer: int
    side_bytes: int
    """Bytes of side information after the header of a layer III frame."""
    stream: int
    """The header bits that stay the same from frame to frame."""


def id3_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag that `head` starts with, header and footer included."""
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size + (20 if head[5] & 0x10 else 10)


def mpeg_frame(data: bytes, at: int) -> MpegFrame | None:
    """The MPEG audio frame whose header is at byte `at`, if there is one."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3)
    bitrate, rate, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    hz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    bits = _KBPS[version == 3, layer][bitrate - 1] * 1000
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    length = (12 * bits // hz + padding) * 4 if layer == 1 else samples // 8 * bits // hz + padding
    single, first = data[at + 3] >> 6 == 3, version == 3
    side = (17 if single else 32) if first else (9 if single else 17)
    return MpegFrame(length, hz, samples, layer, side, (data[at + 1] & 0xFE) << 8 | data[at + 2] & 0x0C)


def possible_starts(data: bytes) -> Iterator[int]:
    """Offsets at which an MPEG frame header may stand."""
    return (match.start() for match in _MPEG_START.finditer(data))


def is_mpeg(data: bytes, at: int, count: int) -> bool:
    """Whether `count` frames of one stream follow each other from byte `at`, or fewer fill the rest of `data`."""
    first = mpeg_frame(data, at)
    frame = first
    for seen in range(count):
        if frame is None or first is None or frame.stream != first.stream:
            return False
        at += frame.bytes
        if at + 4 > len(data):
            return seen + 1 == count or (seen > 0 and at <= len(data) + 4)
        frame = mpeg_frame(data, at)
    return True


def is_adts(data: bytes, at: int, count: int) -> bool:
    """The same for ADTS frames, whose headers contain their length."""
    for _ in range(count):
        if at + 7 > len(data) or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
            return False
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        if data[at + 2] >> 2 & 15 > 12 or length < 7:
            return False
        at += length
    return True
