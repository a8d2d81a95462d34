"""`python -m tests.hostile [--count N]`: every hostile file and request, and how each was answered."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.hostile.audio import audio_cases
from tests.hostile.hearing import Decoder, Tally, TrueEar, hear_all
from tests.hostile.house import house
from tests.hostile.knocking import knock_all, knocks
from tests.hostile.watch import bystander

FULL = 7000
_AUDIO_SHARE = 0.68


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description="Bad and odd inputs.")
    parser.add_argument("--count", type=int, default=FULL, metavar="N", help="about how many (default: all)")
    parser.add_argument("--model", action="store_true", help="have the model judge what can be decoded")
    return parser


def hear(count: int, *, model: bool = False) -> Tally:
    """The files, with a look at what they reached for."""
    with tempfile.TemporaryDirectory() as folder, bystander(Path(folder)) as watched:
        tally = hear_all(
            audio_cases(watched.bait, count), Path(folder), pipeline=TrueEar if model else Decoder
        )
    tally.wrongs += [f"a connection to the bait from {knock}" for knock in watched.knocks]
    tally.wrongs += [f"the canary was opened: {glance}" for glance in watched.glances]
    return tally


def knock(count: int) -> Tally:
    """The requests, at a server of their own."""
    with tempfile.TemporaryDirectory() as folder, house(Path(folder) / "home") as opened:
        return knock_all(opened, knocks(count))


def on_progress(name: str, tally: Tally, seconds: float) -> None:
    print(f"{name}: {tally.count - len(tally.wrongs):,} of {tally.count:,} answered cleanly, {seconds:.0f} s")
    for family, count in sorted(tally.families.items()):
        print(f"    {family:<24} {count:>6,}")
    print("  answers: " + ", ".join(f"{answer} {count:,}" for answer, count in tally.answers.most_common()))
    print(f"  slowest: {tally.slowest[-1][0]:.1f} s, {tally.slowest[-1][1]}")
    for wrong in tally.wrongs:
        print(f"  WRONG {wrong[:500]}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    tallies = []
    for name, run in (
        ("files", lambda: hear(round(arguments.count * _AUDIO_SHARE), model=arguments.model)),
        ("requests", lambda: knock(round(arguments.count * (1 - _AUDIO_SHARE)))),
    ):
        started = time.monotonic()
        tallies.append(run())
        on_progress(name, tallies[-1], time.monotonic() - started)
    wrongs = sum(len(tally.wrongs) for tally in tallies)
    total = sum(tally.count for tally in tallies)
    print(f"together: {total - wrongs:,} of {total:,} answered cleanly")
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
