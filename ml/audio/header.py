"""The length, rate and channel count that a file's own header states.

libsndfile clips a truncated file to what is there without an error, and reads a WAV whose length was never filled in as
empty, so the stated length is read here. None means that the header does not state it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from ml.audio import frames
from ml.audio.parts import MAX_PARTS, chunks, flac_blocks, read_at
from ml.audio.source import View
from ml.report import errors

_UNKNOWN_BYTES = 0x7FFF0000
"""Recorders and pipes write a 32-bit length from here on when they do not know the length."""

_SMALLEST_FRAME = 24
"""Bytes of an MP3 frame at 8 kbit/s and 24 kHz."""

_MAX_OGG_HEADER_BYTES = 16_000_000
"""Comments of an Ogg file: a cover is often a megabyte."""

_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


@dataclass
class Header:
    """`rate` is in Hz. `patches`, `prefix` and `skip` repair the header for libsndfile, as `View` applies them."""

    rate: float | None = None
    channels: int | None = None
    stated_seconds: float | None = None
    patches: dict[int, bytes] = field(default_factory=dict)
    prefix: bytes = b""
    skip: int = 0
    """Bytes at the start that are left out."""
    is_cut: bool = False
    """The end is missing, but the header does not say how much."""


def read_header(view: View, format: str) -> Header:
    """The header of a file in `format`; an empty one for formats that state nothing, or that ffmpeg reports on."""
    readers = {"WAV": _wav, "AIFF": _aiff, "AU": _au, "FLAC": _flac, "MP3": _mp3, "WMA": _asf, "CAF": _caf}
    reader = readers.get(format, _ogg if format.startswith("Ogg") else None)
    try:
        return reader(view) if reader else Header()
    except (struct.error, ValueError, OverflowError):
        return Header()


def _wav(view: View) -> Header:
    magic = read_at(view, 0, 4)
    order = ">" if magic == b"RIFX" else "<"
    header, per_second, long_length = Header(), 0, None
    for name, at, length in chunks(view, 12, f"{order}4sI"):
        if name == b"fmt ":
            _, channels, rate, per_second = struct.unpack(f"{order}HHII", read_at(view, at, 12))
            header.rate, header.channels = rate, channels
        elif name == b"ds64":
            long_length = struct.unpack("<Q", read_at(view, at + 8, 8))[0]
        elif name == b"data":
            available = view.size - at
            if length == 0xFFFFFFFF and long_length is not None:
                length = long_length
            if length == 0 and available > 0 and not _is_chunk(view, at):
                header.patches = {4: b"\xff" * 4, at - 4: b"\xff" * 4}
            elif available < length and (length < _UNKNOWN_BYTES or long_length) and per_second:
                header.stated_seconds = length / per_second
            break
    return header


def _is_chunk(view: View, at: int) -> bool:
    """Whether a plausible chunk starts here: then the data chunk of length 0 before it really is empty."""
    head = read_at(view, at, 8)
    return len(head) == 8 and head[:4].isalnum() and at + 8 + struct.unpack("<I", head[4:])[0] <= view.size


def _aiff(view: View) -> Header:
    header, count = Header(), 0
    for name, at, length in chunks(view, 12, ">4sI"):
        if name == b"COMM":
            channels, count, _, exponent, mantissa = struct.unpack(">hIhHQ", read_at(view, at, 18))
            header.rate = float(mantissa) * 2.0 ** ((exponent & 0x7FFF) - 16446)
            header.channels = channels
        elif name == b"SSND":
            if view.size - at < length and 0 < count < _UNKNOWN_BYTES and header.rate:
                header.stated_seconds = count / header.rate
            break
    return header


def _au(view: View) -> Header:
    order = "<" if read_at(view, 0, 4) == b"dns." else ">"
    offset, length, encoding, rate, channels = struct.unpack(f"{order}5I", read_at(view, 4, 20))
    header = Header(rate, channels)
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(encoding, 0) * channels * rate
    if length < _UNKNOWN_BYTES and view.size - offset < length and width:
        header.stated_seconds = length / width
    return header


def _caf(view: View) -> Header:
    """Only for uncompressed samples: ffmpeg reports the length of the compressed codecs."""
    header, per_second = Header(), 0.0
    for name, at, length in chunks(view, 8, ">4sq", align=1):
        if name == b"desc":
            rate, _, _, packet, frames_each = struct.unpack(">d4sIII", read_at(view, at, 24))
            per_second = packet * rate / frames_each if frames_each else 0.0
        elif name == b"data" and view.size - at < length and per_second > 0:
            header.stated_seconds = length / per_second
    return header


def _flac(view: View) -> Header:
    """libFLAC gets the first block alone: it takes 25 MB of memory for each megabyte of the others."""
    stream_info = read_at(view, 8, 34)
    info = int.from_bytes(stream_info[10:18], "big")
    rate, channels, count = info >> 44, (info >> 41 & 7) + 1, info & (1 << 36) - 1
    skip = max((at + length for _, at, length in flac_blocks(view, 0)), default=view.size)
    if skip > view.size:
        raise errors.CorruptError(format="FLAC")
    prefix = b"fLaC\x80\0\0\x22" + stream_info
    return Header(rate, channels, count / rate if count and rate else None, prefix=prefix, skip=skip)


def _mp3(view: View) -> Header:
    """Encoders write the number of frames into the first one, after "Xing" or "Info".

    Without it mpg123 estimates the length from the first bitrate, and libsndfile stops there: half of a song with a
    variable bitrate would be lost. So a first frame with a count that is too high is put before such a file, and a
    count that is too low for the file's size, as after joining two files, is raised.
    """
    head = read_at(view, 0, 8192)
    frame = frames.mpeg_frame(head, 0)
    if frame is None or frame.layer != 3:
        return Header()
    upper_bound = (view.size // _SMALLEST_FRAME + 1).to_bytes(4, "big")
    mark = max(head[:64].find(b"Xing"), head[:64].find(b"Info"))
    if mark < 0 or not head[mark + 7] & 1:
        counted = head[:4] + bytes(frame.side_bytes) + b"Xing" + b"\0\0\0\x01" + upper_bound
        return Header(frame.rate, prefix=counted.ljust(frame.bytes, b"\0"))
    count, length = struct.unpack(">II", head[mark + 8 : mark + 16])
    if head[mark + 7] & 2 and view.size > 1.1 * length + 8192:
        return Header(frame.rate, patches={mark + 8: upper_bound})
    return Header(frame.rate, stated_seconds=count * frame.samples / frame.rate or None)


def _asf(view: View) -> Header:
    """The length in units of 100 ns, including `preroll` milliseconds before the sound; a broadcast states none."""
    head = read_at(view, 0, 8192)
    at = head.find(_ASF_PROPERTIES)
    if at < 0:
        return Header()
    length, _, preroll, flags = struct.unpack("<QQQI", head[at + 64 : at + 92])
    seconds = length / 1e7 - preroll / 1e3
    return Header(stated_seconds=seconds if seconds > 0 and not flags & 1 else None)


def _ogg(view: View) -> Header:
    """Ogg states no length for the file, but one for each page: a last page that is incomplete shows a cut."""
    _refuse_long_headers(view)
    data = read_at(view, max(0, view.size - 131072), 131072)
    at = data.rfind(b"OggS")
    if at < 0 or at + 27 > len(data):
        return Header(is_cut=at >= 0)
    table = data[at + 27 : at + 27 + data[at + 26]]
    return Header(is_cut=len(table) < data[at + 26] or at + 27 + len(table) + sum(table) > len(data))


def _refuse_long_headers(view: View) -> None:
    """The pages before the first sound hold comments, for each of which libvorbis allocates memory."""
    at = 0
    for _ in range(MAX_PARTS):
        head = read_at(view, at, 27)
        if len(head) < 27 or int.from_bytes(head[6:14], "little", signed=True) > 0:
            return
        table = read_at(view, at + 27, head[26])
        at += 27 + len(table) + sum(table)
        if at > _MAX_OGG_HEADER_BYTES:
            break
    raise errors.TooManyPartsError(format="Ogg")
