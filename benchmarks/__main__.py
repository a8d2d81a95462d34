"""`python -m benchmarks [NAME...]`: run benchmarks and print each figure beside its aim."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence

from benchmarks import (
    analyse,
    cluster,
    handcrafted,
    kills,
    load,
    lyrics,
    memory,
    neighbours,
    page,
    pages,
    preprocess,
    search,
    slow_clients,
)

BENCHMARKS = {
    "analyse": analyse,
    "handcrafted": handcrafted,
    "lyrics": lyrics,
    "neighbours": neighbours,
    "preprocess": preprocess,
    "memory": memory,
    "cluster": cluster,
    "kills": kills,
    "load": load,
    "pages": pages,
    "search": search,
    "slow-clients": slow_clients,
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed and memory.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--soak", type=int, default=0, metavar="N", help="with load: N more uploads at the end")
    sizes = ",".join(map(str, search.SIZES))
    parser.add_argument(
        "--sizes", default=sizes, metavar="N,N", help=f"with search: numbers of tracks, ascending (default: {sizes})"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON at the end")
    parser.add_argument("--write", action="store_true", help="write the figures to docs/benchmarks.md")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    names = arguments.names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        known = ", ".join(BENCHMARKS)
        print(f"There is no benchmark called {', '.join(unknown)}; there are {known}.", file=sys.stderr)
        return 2
    measured = {}
    for name in names:
        print(f"\n{name}")
        load_before, rows = page.load(), []
        for row in run(name, arguments):
            what, figure, aim = row
            print(f"  {what:<58} {figure:>24}  {f'(aim: {aim})' if aim else ''}".rstrip(), flush=True)
            rows.append(row)
        measured[name] = [{"what": what, "figure": figure, "aim": aim} for what, figure, aim in rows]
        if arguments.write:
            about = (BENCHMARKS[name].__doc__ or "").strip()
            page.write(name, about, rows, (load_before, page.load()))
    if arguments.json:
        print(json.dumps(measured, ensure_ascii=False))
    return 0


def run(name: str, arguments: argparse.Namespace) -> Iterable[page.Row]:
    if name == "load":
        return load.run(soak=arguments.soak)
    if name == "search":
        return search.run([int(size) for size in arguments.sizes.split(",")])
    if name == "neighbours":
        return neighbours.run(page.IMAGES if arguments.write else None)
    rows: Iterable[page.Row] = BENCHMARKS[name].run()
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
