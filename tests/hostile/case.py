"""One input, and the bait that it must not reach."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Kind = TypeVar("Kind")

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


@dataclass(frozen=True)
class Case:
    """The bytes of one file, identified by `family` and `name`."""

    family: str
    name: str
    data: bytes


@dataclass(frozen=True)
class Bait:
    """What no input may reach: the URL of a listening socket, and an audio file that is not part of the input."""

    url: str
    canary: Path

    @property
    def targets(self) -> tuple[str, ...]:
        url, path = self.url, str(self.canary)
        return (
            url,
            url.replace("http://", "http://user:secret@"),
            url.replace("http://", "tcp://"),
            f"file://{path}",
            f"file:{path}",
            path,
            f"concat:{path}|{path}",
            f"subfile,,start,0,end,0,,:{path}",
            f"crypto:{path}",
            f"cache:{url}",
            f"async:file:{path}",
            self.canary.name,
            f"../../../../../../../../../..{path}",
        )


def u32(value: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}I", value & 0xFFFFFFFF)


def spread(cases: Sequence[Kind], count: int) -> list[Kind]:
    """At most `count` of them at regular intervals, so that every kind is included."""
    if count >= len(cases):
        return list(cases)
    return [cases[number * len(cases) // count] for number in range(count)]


def seeded_random(*names: object) -> random.Random:
    """A random generator that is the same in every run and every process."""
    return random.Random("/".join(map(str, names)))
