"""All hostile files, the same in every run and in the same order."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.bombs import bombs
from tests.hostile.case import Bait, Case, spread
from tests.hostile.damage import damaged_copies
from tests.hostile.false_headers import false_headers
from tests.hostile.foreign_formats import noise, playlists, polyglots
from tests.hostile.references import references
from tests.hostile.signals import signals
from tests.hostile.valid_files import LIBSNDFILE_NAMES, NAMES, valid_files

FULL = 4700
_QUICK_NAMES = (*LIBSNDFILE_NAMES, "m4a", "webm", "wma")


def audio_cases(bait: Bait, count: int = FULL) -> Iterator[Case]:
    """About `count` files: half of them are corrupted copies of valid files, the rest are made to be invalid."""
    full = count >= FULL
    valid = dict(valid_files(NAMES if full else _QUICK_NAMES))
    for name, data in valid.items():
        yield Case("good", name, data)
        share = 1.0 if full or name in LIBSNDFILE_NAMES else 0.25
        yield from damaged_copies(name, data, max(6, int(share * count * 0.54 / len(valid))))
    yield from false_headers(valid["flac"], count // 9)
    yield from spread(list(playlists(bait)), count // 12)
    if "m4a" in valid:
        yield from spread(list(references(bait, valid["m4a"])), count // 60)
    yield from spread(list(polyglots(valid)), count // 12)
    yield from noise(count // 16)
    yield from spread(list(signals()), count // 20)
    yield from spread(bombs(valid, large=full), count // 10)
