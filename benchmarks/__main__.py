"""`python -m benchmarks [NAME...]`: run the benchmarks and print what they measured beside what was aimed at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence

from benchmarks import analyse, neighbours, preprocess

BENCHMARKS: dict[str, Callable[[], Iterable[tuple[str, str, str]]]] = {
    "analyse": analyse.run,
    "neighbours": neighbours.run,
    "preprocess": preprocess.run,
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed and memory.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)} (default: all)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    names = build_parser().parse_args(argv).names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(
            f"There is no benchmark called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.",
            file=sys.stderr,
        )
        return 2
    for name in names:
        print(f"\n{name}")
        for what, figure, aim in BENCHMARKS[name]():
            print(f"  {what:<52} {figure:>24}  {f'(aim: {aim})' if aim else ''}".rstrip(), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
