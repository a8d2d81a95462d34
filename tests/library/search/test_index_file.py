"""An index file is whole or it is refused, whatever happened to it."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from library.search import index_file
from library.search.index_file import DamagedIndexError, Header, IndexWriter, open_index, read_header, write_kind
from library.search.index_names import FORMAT, files_in, newest_name, next_path, token_of
from tests.library.search.large import grouped
from tests.library.search.test_inverted import inverted

HEADER = Header("0123456789abcdef", 7, 900, 899)


def write(folder: Path) -> Path:
    writer = IndexWriter(next_path(folder, HEADER.token))
    for by in ("harmony", "sound"):
        index = inverted(grouped(900, 1), 12, kept=16)
        whole = {"rotation": index.encoding.rotation, "scales": index.encoding.scales, "centres": index.centres}
        parts = {name: [array] for name, array in (whole | {"offsets": index.offsets}).items()}
        write_kind(writer, by, parts | {"ids": np.split(index.ids, 3), "codes": np.split(index.codes, [100])})
    return writer.finish(HEADER)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path)


def test_what_was_written_is_read(path: Path) -> None:
    opened, expected = open_index(path), inverted(grouped(900, 1), 12, kept=16)
    assert opened.header == read_header(path) == HEADER
    assert set(opened.kinds) == {"harmony", "sound"}
    for index in opened.kinds.values():
        assert np.array_equal(index.ids, expected.ids) and np.array_equal(index.codes, expected.codes)
        assert np.array_equal(index.centres, expected.centres) and np.array_equal(index.offsets, expected.offsets)
        assert not index.codes.flags.writeable
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_has_the_name_before_it_is_whole(tmp_path: Path) -> None:
    writer = IndexWriter(next_path(tmp_path, HEADER.token))
    writer.write("a", [np.zeros(5)])
    assert files_in(tmp_path) == [] and len(list(tmp_path.iterdir())) == 1
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_an_array_has_blocks(tmp_path: Path) -> None:
    writer = IndexWriter(next_path(tmp_path, HEADER.token))
    with pytest.raises(ValueError, match="no blocks"):
        writer.write("a", [])
    writer.discard()


def test_names_are_numbered(tmp_path: Path) -> None:
    assert newest_name(tmp_path) == ""
    paths = []
    for token in ("a" * 16, "0" * 16, "b" * 16):
        paths.append(next_path(tmp_path, token))
        paths[-1].touch()
    (tmp_path / f"similar-v{FORMAT + 1}-00000009-{'c' * 16}.index").touch()  # by another version of Sori
    (tmp_path / "notes.index").touch()
    assert files_in(tmp_path) == paths[::-1]
    assert token_of(paths[1]) == "0" * 16 and token_of(tmp_path / "notes.index") == ""


def test_every_damage_is_noticed(path: Path) -> None:
    """A bit in the header, in each array, in the first part; not in the unused space between them."""
    whole = path.read_bytes()
    length = struct.unpack("<8sII", whole[:16])[1]
    arrays = json.loads(whole[16 : 16 + length])["arrays"]
    chance = random.Random(1)
    places = [chance.randrange(16 + length) for _ in range(40)]
    for array in arrays.values():
        size = int(np.prod(array["shape"])) * np.dtype(array["type"]).itemsize
        places += [array["start"], array["start"] + size - 1, array["start"] + chance.randrange(size)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(DamagedIndexError):
            open_index(path)
    path.write_bytes(whole)
    open_index(path)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 200, 65_536, -4096, -1])
def test_a_cut_file_is_refused(path: Path, size: int) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:size])
    with pytest.raises(DamagedIndexError):
        open_index(path)
    with pytest.raises(DamagedIndexError):
        read_header(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(DamagedIndexError):
        open_index(path)


@pytest.mark.parametrize(
    "change",
    [
        {"header": {"version": FORMAT + 1}},
        {"header": None},
        {"header": {"version": FORMAT, "other": 1}},
        {"arrays": {}, "header": {"version": FORMAT}},
        {"arrays": {"sound ids": {"start": 0, "type": "<i8", "shape": [1], "checksum": 1}}},
        {"arrays": {"sound ids": {"start": 0, "type": "O", "shape": [0], "checksum": 0}}},
        {"arrays": {"sound ids": {"start": -9, "type": "<i8", "shape": [9**9, 9**9], "checksum": 0}}},
        {"size": 1},
    ],
)
def test_a_header_of_something_else_is_refused(path: Path, change: dict[str, object]) -> None:
    whole = path.read_bytes()
    length = struct.unpack("<8sII", whole[:16])[1]
    text = json.dumps(json.loads(whole[16 : 16 + length]) | change).encode()
    path.write_bytes((struct.pack("<8sII", index_file._MARK, len(text), zlib.crc32(text)) + text).ljust(len(whole)))
    with pytest.raises(DamagedIndexError):
        open_index(path)


def test_a_removed_file_stays_readable(path: Path) -> None:
    opened = open_index(path)
    path.unlink()
    candidates, _ = opened.kinds["sound"].nearest(grouped(900, 1)[5], 1, compared=900)
    assert candidates.tolist() == [5]
