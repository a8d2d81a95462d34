"""`python -m benchmarks [NAME...]`: run the benchmarks and print what they measured beside what was aimed at."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks import analyse, handcrafted, kills, load, memory, neighbours, page, pages, preprocess

IMAGES = page.PAGE.parent / "images"

BENCHMARKS: dict[str, Callable[[Path | None], Iterable[page.Row]]] = {
    "analyse": lambda _: analyse.run(),
    "handcrafted": lambda _: handcrafted.run(),
    "neighbours": neighbours.run,
    "preprocess": lambda _: preprocess.run(),
    "memory": lambda _: memory.run(),
    "kills": lambda _: kills.run(),
    "load": lambda _: load.run(),
    "pages": lambda _: pages.run(),
}
ABOUT = {
    "analyse": analyse.__doc__,
    "handcrafted": handcrafted.__doc__,
    "neighbours": neighbours.__doc__,
    "preprocess": preprocess.__doc__,
    "memory": memory.__doc__,
    "kills": kills.__doc__,
    "load": load.__doc__,
    "pages": pages.__doc__,
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed and memory.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)} (default: all)"
    )
    parser.add_argument("--soak", type=int, default=0, metavar="N", help="with load: N uploads at its end")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON at the end")
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
    measured = {}
    for name in names:
        print(f"\n{name}")
        before, rows = page.load(), []
        run = BENCHMARKS[name] if name != "load" else lambda _: load.run(soak=arguments.soak)
        for row in run(IMAGES if arguments.write else None):
            what, figure, aim = row
            print(f"  {what:<58} {figure:>24}  {f'(aim: {aim})' if aim else ''}".rstrip(), flush=True)
            rows.append(row)
        measured[name] = [{"what": what, "figure": figure, "aim": aim} for what, figure, aim in rows]
        if arguments.write:
            page.write(name, (ABOUT[name] or "").strip(), rows, (before, page.load()))
    if arguments.json:
        print(json.dumps(measured, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
