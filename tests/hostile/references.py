"""MP4s whose sound is in another file, as QuickTime allows: by alias, by URL, by a reference movie."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.case import Bait, Case, u32

_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")
_OWN_SOUND = b"url \0\0\0\1"
"""The reference of a file that holds its own sound."""


def box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return u32(len(body) + 8, ">") + name + body


def refer_to(m4a: bytes, entry: bytes) -> bytes:
    """The file with another data reference, and with the size of each box around it put right."""
    at = m4a.index(_OWN_SOUND) - 4
    file, start, end = bytearray(m4a), 0, len(m4a)
    while start + 8 <= end:
        size, name = int.from_bytes(m4a[start : start + 4], "big"), m4a[start + 4 : start + 8]
        if not start < at < start + size:
            start += size
            continue
        file[start : start + 4] = u32(size + len(entry) - 12, ">")
        if name not in _PARENTS or name == b"dref":
            break
        start, end = start + 8, start + size
    return bytes(file[:at]) + entry + bytes(file[at + 12 :])


def alias(path: str, *, levels: int) -> bytes:
    """A macOS alias record: the path, and how many levels from a common folder both files are (0: it is absolute)."""
    name = path.encode()
    volume, file_name, dates = bytes(1 + 27), bytes(1 + 63), bytes(12)
    way = levels.to_bytes(2, "big") * 2
    full_path = b"\0\2" + len(name).to_bytes(2, "big") + name + bytes(len(name) % 2)
    return box(
        b"alis", bytes(4), bytes(10), volume, dates, file_name, bytes(16), way, bytes(16), full_path, b"\xff\xff\0\0"
    )


def references(bait: Bait, m4a: bytes) -> Iterator[Case]:
    if _OWN_SOUND not in m4a:
        return
    yield Case("reference", "alis-beside", refer_to(m4a, alias(f"/any/{bait.canary.name}", levels=1)))
    for number, target in enumerate(bait.targets):
        name = target.encode()
        yield Case("reference", f"alis-{number}", refer_to(m4a, alias(target, levels=0)))
        yield Case("reference", f"url-{number}", refer_to(m4a, box(b"url ", bytes(4), name + b"\0")))
        yield Case("reference", f"urn-{number}", refer_to(m4a, box(b"urn ", bytes(4), b"a\0" + name + b"\0")))
        pointer = box(b"rmra", box(b"rmda", box(b"rdrf", bytes(4), b"url ", u32(len(name), ">"), name)))
        yield Case("reference", f"movie-{number}", box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", pointer))
        yield Case("reference", f"mdat-{number}", box(b"ftyp", b"qt  ", bytes(4)) + box(b"mdat", name))
