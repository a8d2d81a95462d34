"""The index file of a large library: written under a temporary name, renamed when it is whole, checked when opened.

A file consists of a fixed first part (mark, length and checksum of the header), the header as JSON, and arrays, each
with its place, type, shape and checksum in the header. It is mapped into memory, so that processes share its pages. A
file that is replaced stays readable to those who have mapped it.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from library.search.index_names import FORMAT, PART_SUFFIX
from library.search.inverted import Encoding, InvertedFile

_MARK = b"SORI\0IDX"
_FIRST = struct.Struct("<8sII")
_HEADER_BYTES = 65536
_ALIGNMENT = 4096
_BLOCK_BYTES = 4_194_304
_PARTS = ("rotation", "scales", "centres", "offsets", "ids", "codes")


class DamagedIndexError(ValueError):
    """The file is not what was written: it was cut, changed, or is no index file."""


@dataclass(frozen=True)
class Header:
    """What the file was made from. `token` is its name in the database; later vectors have a larger serial."""

    token: str
    serial: int
    count: int
    largest_id: int
    version: int = FORMAT


@dataclass(frozen=True)
class IndexFile:
    """An opened index file: an inverted file for each kind of vector."""

    path: Path
    header: Header
    kinds: Mapping[str, InvertedFile]


class IndexWriter:
    """Writes arrays one after the other; the file exists under its own name only after `finish`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + PART_SUFFIX)
        self._file: BinaryIO = os.fdopen(os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._file.seek(_HEADER_BYTES)
        self._arrays: dict[str, dict[str, Any]] = {}

    def write(self, name: str, blocks: Iterable[npt.NDArray[Any]]) -> None:
        """An array in blocks of rows, at least one."""
        self._file.seek(-self._file.tell() % _ALIGNMENT, os.SEEK_CUR)
        start, checksum, rows, block = self._file.tell(), 0, 0, None
        for block in blocks:
            data = np.ascontiguousarray(block).tobytes()
            self._file.write(data)
            checksum, rows = zlib.crc32(data, checksum), rows + len(block)
        if block is None:
            raise ValueError(f"{name} has no blocks")
        shape = [rows, *block.shape[1:]]
        self._arrays[name] = {"start": start, "type": block.dtype.str, "shape": shape, "checksum": checksum}

    def finish(self, header: Header) -> Path:
        """Write the header, make sure that everything is on the disk, and give the file its name."""
        size = self._file.tell()
        text = json.dumps({"header": asdict(header), "arrays": self._arrays, "size": size}).encode()
        if len(text) > _HEADER_BYTES - _FIRST.size:
            raise ValueError("the header is too long")
        self._file.seek(0)
        self._file.write(_FIRST.pack(_MARK, len(text), zlib.crc32(text)) + text)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self._path)
        sync_folder(self._path.parent)
        return self._path

    def discard(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


def read_header(path: Path) -> Header:
    """Without the arrays; raises `DamagedIndexError`."""
    with path.open("rb") as file, _naming_damage(path):
        return Header(**_read_head(file)["header"])


def open_index(path: Path) -> IndexFile:
    """Check every byte, which also brings the file into the system's cache, and map it."""
    with path.open("rb") as file, _naming_damage(path):
        head = _read_head(file)
        arrays = head["arrays"]
        _check_arrays(file, arrays)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        kinds = {by: _inverted_file(mapped, arrays, by) for by in {name.partition(" ")[0] for name in arrays}}
        return IndexFile(path, Header(**head["header"]), kinds)


@contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    """A header that was written by something else lacks what is looked for."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DamagedIndexError(f"{path.name}: {error}") from error


def write_kind(writer: IndexWriter, by: str, parts: Mapping[str, Iterable[npt.NDArray[Any]]]) -> None:
    """The arrays of one inverted file."""
    for name in _PARTS:
        writer.write(f"{by} {name}", parts[name])


def sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _read_head(file: BinaryIO) -> dict[str, Any]:
    first = file.read(_FIRST.size)
    if len(first) < _FIRST.size:
        raise DamagedIndexError("the file is too short")
    mark, length, checksum = _FIRST.unpack(first)
    if mark != _MARK or length > _HEADER_BYTES:
        raise DamagedIndexError("this is no index file")
    text = file.read(length)
    if len(text) < length or zlib.crc32(text) != checksum:
        raise DamagedIndexError("the header is damaged")
    head: dict[str, Any] = json.loads(text)
    if head["header"]["version"] != FORMAT:
        raise DamagedIndexError(f"the format is {head['header']['version']}, not {FORMAT}")
    if head["size"] != os.fstat(file.fileno()).st_size:
        raise DamagedIndexError("the file has another size than when it was written")
    return head


def _check_arrays(file: BinaryIO, arrays: Mapping[str, Mapping[str, Any]]) -> None:
    block = bytearray(_BLOCK_BYTES)
    size = os.fstat(file.fileno()).st_size
    for name, array in arrays.items():
        left, checksum = _size_of(array), 0
        if not 0 <= array["start"] <= size - left:
            raise DamagedIndexError(f"{name} is not inside the file")
        file.seek(array["start"])
        while left:
            count = file.readinto(memoryview(block)[: min(left, _BLOCK_BYTES)])  # type: ignore[attr-defined]
            if not count:
                raise DamagedIndexError(f"{name} is cut")
            checksum, left = zlib.crc32(memoryview(block)[:count], checksum), left - count
        if checksum != array["checksum"]:
            raise DamagedIndexError(f"{name} is damaged")


def _size_of(array: Mapping[str, Any]) -> int:
    return int(math.prod(array["shape"])) * int(np.dtype(array["type"]).itemsize)


def _inverted_file(mapped: mmap.mmap, arrays: Mapping[str, Mapping[str, Any]], by: str) -> InvertedFile:
    rotation, scales, centres, offsets, ids, codes = (_array(mapped, arrays[f"{by} {name}"]) for name in _PARTS)
    if offsets[-1] != len(ids) or len(ids) != len(codes) or len(offsets) != len(centres) + 1:
        raise DamagedIndexError(f"the arrays of {by} do not belong together")
    # Read in full by every search: a copy, which the system cannot page out alone.
    return InvertedFile(Encoding(rotation.copy(), scales.copy()), centres.copy(), offsets.copy(), ids, codes)


def _array(mapped: mmap.mmap, array: Mapping[str, Any]) -> npt.NDArray[Any]:
    return np.frombuffer(mapped, array["type"], math.prod(array["shape"]), array["start"]).reshape(array["shape"])
