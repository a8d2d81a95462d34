"""`python -m tests.faults [--kills N]`: kill the service N times, and look each time at what came of its songs."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.killing import QUICK, Killing
from tests.hostile.house import SERVE


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Kill the service.")
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="how often (default: 200)")
    parser.add_argument("--model", action="store_true", help="with the shipped model, not the quick ear")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="other moments")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        killing = Killing(Path(folder) / "home", SERVE if arguments.model else QUICK, arguments.seed)
        try:
            killing.run(arguments.kills, lambda line: print(line, flush=True))
        finally:
            killing.close()
    ledger = killing.ledger
    print(", ".join(f"{victim} {count}" for victim, count in killing.kills.items()))
    print(
        f"{killing.kills.total()} kills in {time.monotonic() - started:.0f} s: {len(ledger.accepted)} accepted, "
        f"{ledger.unanswered} without an answer, refused {dict(ledger.refused)}, "
        f"{len(killing.wrongs)} lost, doubled or stuck"
    )
    for wrong in killing.wrongs:
        print(f"  WRONG {wrong}")
    return 1 if killing.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
