"""What the offline commands share: common options, and an end without a traceback after a failure or Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path

from ml.report.errors import SoriError


def offline_parser(
    module: str, description: str, *, shared: bool = True, cache: Path | None = None
) -> argparse.ArgumentParser:
    """The parser of `python -m MODULE`, with the options that most commands have; `cache` is a default."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    if shared:
        parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    if cache:
        parser.add_argument("--cache", type=Path, default=cache, help="the folder of cached results")
    return parser


def command(
    build_parser: Callable[[], argparse.ArgumentParser],
) -> Callable[[Callable[[argparse.Namespace], None]], Callable[..., int]]:
    """Makes a function of the options the command's `main(argv)`, which returns the exit code."""

    def decorate(work: Callable[[argparse.Namespace], None]) -> Callable[..., int]:
        @wraps(work)
        def main(argv: Sequence[str] | None = None) -> int:
            options = build_parser().parse_args(argv)
            try:
                work(options)
            except SoriError as error:
                print(f"\n{error}", file=sys.stderr)
                return 2
            except KeyboardInterrupt:
                print("\nStopped. Finished steps are kept; the same command continues from there.", file=sys.stderr)
                return 130
            return 0

        return main

    return decorate
