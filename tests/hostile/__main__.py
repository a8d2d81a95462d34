"""`python -m tests.hostile [--count N]`: send every hostile file and request, and report the answers."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.hostile.decoding import Decoder, FullPipeline, Tally, decode_all
from tests.hostile.files import audio_cases
from tests.hostile.requests import hostile_requests, send_all
from tests.hostile.server import running_server
from tests.hostile.side_effects import watched_bait

FULL = 7000
_AUDIO_SHARE = 0.68


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description="Hostile files and requests.")
    parser.add_argument("--count", type=int, default=FULL, metavar="N", help="about how many (default: all)")
    parser.add_argument("--model", action="store_true", help="also analyse what can be decoded, with the shipped model")
    return parser


def decode_files(count: int, *, model: bool = False) -> Tally:
    """Decode the files, and record what they accessed."""
    with tempfile.TemporaryDirectory() as folder, watched_bait(Path(folder)) as log:
        tally = decode_all(audio_cases(log.bait, count), Path(folder), pipeline=FullPipeline if model else Decoder)
    tally.problems += [f"a connection to the bait from {address}" for address in log.connections]
    tally.problems += [f"the canary was opened: {read}" for read in log.canary_reads]
    return tally


def send_requests(count: int) -> Tally:
    """Send the requests to a server of their own."""
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "home") as server:
        return send_all(server, hostile_requests(count))


def show(name: str, tally: Tally, seconds: float) -> None:
    print(f"{name}: {tally.count - len(tally.problems):,} of {tally.count:,} answered cleanly, {seconds:.0f} s")
    for family, count in sorted(tally.families.items()):
        print(f"    {family:<24} {count:>6,}")
    print("  answers: " + ", ".join(f"{answer} {count:,}" for answer, count in tally.answers.most_common()))
    print(f"  slowest: {tally.slowest[-1][0]:.1f} s, {tally.slowest[-1][1]}")
    for problem in tally.problems:
        print(f"  PROBLEM {problem[:500]}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    tallies = []
    for name, run in (
        ("files", lambda: decode_files(round(arguments.count * _AUDIO_SHARE), model=arguments.model)),
        ("requests", lambda: send_requests(round(arguments.count * (1 - _AUDIO_SHARE)))),
    ):
        started = time.monotonic()
        tallies.append(run())
        show(name, tallies[-1], time.monotonic() - started)
    problems = sum(len(tally.problems) for tally in tallies)
    total = sum(tally.count for tally in tallies)
    print(f"together: {total - problems:,} of {total:,} answered cleanly")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
