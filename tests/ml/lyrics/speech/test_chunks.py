from __future__ import annotations

import pytest

from ml.lyrics.speech.chunks import Chunk, chunks


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 100), (7, 108), (0, 163), (50, 1234)])
def test_the_kept_parts_cover_everything_once(start: int, end: int) -> None:
    found = list(chunks(start, end, size=100, overlap=21))
    assert [number for chunk in found for number in range(chunk.kept_start, chunk.kept_end)] == list(range(start, end))
    assert all(chunk.start <= chunk.kept_start <= chunk.kept_end <= chunk.end for chunk in found)
    assert max(chunk.end - chunk.start for chunk in found) <= 100


def test_the_overlap_is_cut_in_its_middle() -> None:
    assert list(chunks(0, 150, size=100, overlap=20)) == [Chunk(0, 100, 0, 90), Chunk(80, 150, 90, 150)]


def test_chunks_have_to_advance() -> None:
    with pytest.raises(ValueError, match="overlap"):
        list(chunks(0, 10, size=5, overlap=5))
