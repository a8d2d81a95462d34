"""A long stretch of sound as overlapping chunks, so that memory does not grow with its length.

A model is unsure at the edges of what it gets. So neighbouring chunks overlap, and each one counts only up to the
middle of the overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Chunk:
    """The model gets the samples from `start` to `end`; of its answer only `kept_start` to `kept_end` counts."""

    start: int
    end: int
    kept_start: int
    kept_end: int


def chunks(start: int, end: int, *, size: int, overlap: int) -> Iterator[Chunk]:
    """Cover the samples from `start` to `end` with chunks of at most `size` samples."""
    if not 0 <= overlap < size:
        raise ValueError(f"the overlap {overlap} is not shorter than the chunk {size}")
    first = start
    while True:
        last = first + size >= end
        chunk_end = end if last else first + size
        kept_start = first if first == start else first + overlap // 2
        kept_end = end if last else chunk_end - (overlap - overlap // 2)
        yield Chunk(first, chunk_end, kept_start, kept_end)
        if last:
            return
        first = chunk_end - overlap
