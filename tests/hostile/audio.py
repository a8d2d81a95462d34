"""Every hostile file, in one order, the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile.bombs import bombs
from tests.hostile.case import Bait, Case, spread
from tests.hostile.damage import damaged
from tests.hostile.disguises import noise, playlists, polyglots, references
from tests.hostile.lies import lying
from tests.hostile.seeds import IN_PROCESS, NAMES, seeds
from tests.hostile.signals import signals

FULL = 4700
_QUICK_SEEDS = (*IN_PROCESS, "m4a", "webm", "wma")


def audio_cases(bait: Bait, count: int = FULL) -> Iterator[Case]:
    """About `count` files: half of them good ones spoilt, the rest made to be bad."""
    full = count >= FULL
    good = dict(seeds(NAMES if full else _QUICK_SEEDS))
    for name, data in good.items():
        yield Case("good", name, data)
        share = 1.0 if full or name in IN_PROCESS else 0.25
        yield from damaged(name, data, max(6, int(share * count * 0.54 / len(good))))
    yield from lying(good["flac"], count // 9)
    yield from spread(list(playlists(bait)), count // 12)
    if "m4a" in good:
        yield from spread(list(references(bait, good["m4a"])), count // 60)
    yield from spread(list(polyglots(good)), count // 12)
    yield from noise(count // 16)
    yield from spread(list(signals()), count // 20)
    yield from spread(bombs(good, large=full), count // 10)
