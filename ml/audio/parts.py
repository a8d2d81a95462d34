"""Walks through the parts of a file, such as chunks and blocks of metadata, in a bounded number of steps.

A crafted file of 100 MB can hold ten million parts. Libraries that keep or copy something for each of them take minutes
and gigabytes, so they get only what is found here, or read through a `BoundedFile`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Container, Iterator
from typing import BinaryIO, Protocol

from ml.audio import frames
from ml.report import errors

MAX_PARTS = 1000
"""Chunks, blocks or frames in a row. Songs have a few dozen."""
MAX_READS = 20_000
MAX_READ_BYTES = 8_000_000
"""What a tag parser may read, in total: a cover is often a megabyte. A film in fragments has thousands of parts."""
_WHOLE_TAG_BYTES = 250_000
_SMALL_FRAME_BYTES = 4097
"""A byte for the encoding and an even number for the text."""
MAX_LONG_FRAME_BYTES = 400_000
"""Of a frame with lyrics: a long song has ten thousand characters, each of them four bytes at most."""
_FLAC_COMMENT = 4
_MAX_COMMENT_BYTES = 1_000_000


class Readable(Protocol):
    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def read(self, size: int = ..., /) -> bytes | None: ...


def read_at(file: Readable, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count) or b""


def chunks(file: Readable, start: int, layout: str, align: int = 2) -> Iterator[tuple[bytes, int, int]]:
    """(name, offset of the content, its length) of each chunk, until the file ends or a chunk has no length."""
    size = struct.calcsize(layout)
    for _ in range(MAX_PARTS):
        head = read_at(file, start, size)
        if len(head) < size:
            return
        name, length = struct.unpack(layout, head)
        yield name, start + size, length
        if length < 0:
            return
        start += size + length + length % align


def flac_blocks(file: Readable, start: int) -> Iterator[tuple[int, int, int]]:
    """(type, offset of the content, its length) of each block of metadata after the "fLaC" at `start`."""
    at = start + 4
    for _ in range(MAX_PARTS):
        head = read_at(file, at, 4)
        if len(head) < 4:
            return
        length = int.from_bytes(head[1:], "big")
        yield head[0] & 0x7F, at + 4, length
        at += 4 + length
        if head[0] & 0x80:
            return
    raise errors.TooManyPartsError(format="FLAC")


def flac_comment(file: Readable, start: int) -> bytes:
    """The block with the tags of a FLAC file; empty where there is none."""
    for kind, at, length in flac_blocks(file, start):
        if kind == _FLAC_COMMENT:
            return read_at(file, at, min(length, _MAX_COMMENT_BYTES))
    return b""


def id3_offset(file: Readable, format: str) -> int | None:
    """Where the ID3 tag stands: in a chunk of a WAV or AIFF, else at the start."""
    if format not in ("WAV", "AIFF"):
        return 0
    order = ">" if format == "AIFF" or read_at(file, 0, 4) == b"RIFX" else "<"
    found = (at for name, at, _ in chunks(file, 12, f"{order}4sI") if name.upper() == b"ID3 ")
    return next(found, None)


def small_id3(file: Readable, offset: int, long_frames: Container[bytes] = ()) -> bytes:
    """The ID3 tag at `offset` without large frames other than `long_frames`; empty where there is none.

    Mutagen copies the rest of a tag for each of its frames, so a tag of many frames takes quadratic time.
    """
    head = read_at(file, offset, 10)
    if head[:3] != b"ID3" or len(head) < 10:
        return b""
    size, version, flags = frames.id3_size(head) - 10, head[3], head[5]
    if size <= _WHOLE_TAG_BYTES or flags:
        body = read_at(file, offset + 10, min(size, _WHOLE_TAG_BYTES))
    else:
        body = b"".join(_small_frames(file, offset + 10, version, long_frames))
    return head[:6] + bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def _small_frames(file: Readable, at: int, version: int, long_frames: Container[bytes]) -> Iterator[bytes]:
    """The small frames, the beginning of large ones that hold text, and the long frames."""
    name_bytes, head_bytes = (3, 6) if version == 2 else (4, 10)
    bits = 7 if version == 4 else 8
    for _ in range(MAX_PARTS):
        head = read_at(file, at, head_bytes)
        if not head[:name_bytes].isalnum():
            return
        size = 0
        for byte in head[name_bytes : 2 * name_bytes]:
            size = size << bits | byte
        is_long = head[:name_bytes] in long_frames
        if is_long or size <= _SMALL_FRAME_BYTES or head[:1] == b"T":
            most = MAX_LONG_FRAME_BYTES if is_long else _SMALL_FRAME_BYTES
            kept = read_at(file, at + head_bytes, min(size, most))
            stated = bytes(len(kept) >> bits * place & (1 << bits) - 1 for place in reversed(range(name_bytes)))
            yield head[:name_bytes] + stated + head[2 * name_bytes :] + kept
        at += head_bytes + size


class BoundedFile:
    """A file that fails after `MAX_READS` reads or `MAX_READ_BYTES` bytes, for parsers that follow what it states."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._reads_left = MAX_READS
        self._bytes_left = MAX_READ_BYTES

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._bytes_left + 1 if size < 0 else min(size, self._bytes_left + 1))
        self._reads_left, self._bytes_left = self._reads_left - 1, self._bytes_left - len(data)
        if self._reads_left < 0 or self._bytes_left < 0:
            raise OSError("more is read than tags need")
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
