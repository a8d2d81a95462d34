"""How every offline command runs: a failure is one sentence, and Ctrl-C leaves no traceback."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import wraps

from ml.report.errors import SoriError


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
