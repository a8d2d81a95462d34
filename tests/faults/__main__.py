"""`python -m tests.faults [--kills N]`: kill the service N times, and check every time what became of its songs."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.kills import FAST_SERVICE, KillRun
from tests.hostile.server import SERVE


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Kill the service.")
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="how often (default: 200)")
    parser.add_argument("--model", action="store_true", help="with the shipped model, not the fast fake pipeline")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="kill at other moments")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = SERVE if arguments.model else FAST_SERVICE
        run = KillRun(Path(folder) / "home", command, arguments.seed)
        try:
            run.kill_repeatedly(arguments.kills, lambda line: print(line, flush=True))
        finally:
            run.close()
    uploads = run.uploads
    print(", ".join(f"{victim} {count}" for victim, count in run.kills.items()))
    print(
        f"{run.kills.total()} kills in {time.monotonic() - started:.0f} s: {len(uploads.accepted)} accepted, "
        f"{uploads.unanswered} without an answer, refused {dict(uploads.refused)}, "
        f"{len(run.problems)} lost, analysed twice or stuck"
    )
    for problem in run.problems:
        print(f"  PROBLEM {problem}")
    return 1 if run.problems else 0


if __name__ == "__main__":
    sys.exit(main())
