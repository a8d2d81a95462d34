"""`python -m benchmarks [NAME...]`: run the benchmarks and print what they measured beside what was aimed at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks import analyse, handcrafted, kills, memory, neighbours, page, preprocess

IMAGES = page.PAGE.parent / "images"

BENCHMARKS: dict[str, Callable[[Path | None], Iterable[page.Row]]] = {
    "analyse": lambda _: analyse.run(),
    "handcrafted": lambda _: handcrafted.run(),
    "neighbours": neighbours.run,
    "preprocess": lambda _: preprocess.run(),
    "memory": lambda _: memory.run(),
    "kills": lambda _: kills.run(),
}
ABOUT = {
    "analyse": analyse.__doc__,
    "handcrafted": handcrafted.__doc__,
    "neighbours": neighbours.__doc__,
    "preprocess": preprocess.__doc__,
    "memory": memory.__doc__,
    "kills": kills.__doc__,
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed and memory.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)} (default: all)"
    )
    parser.add_argument("--write", action="store_true", help="write what was measured to docs/benchmarks.md")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    names = arguments.names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(
            f"There is no benchmark called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.",
            file=sys.stderr,
        )
        return 2
    for name in names:
        print(f"\n{name}")
        before, rows = page.load(), []
        for row in BENCHMARKS[name](IMAGES if arguments.write else None):
            what, figure, aim = row
            print(f"  {what:<58} {figure:>24}  {f'(aim: {aim})' if aim else ''}".rstrip(), flush=True)
            rows.append(row)
        if arguments.write:
            page.write(name, (ABOUT[name] or "").strip(), rows, (before, page.load()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
