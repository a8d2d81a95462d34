"""`python -m tests.faults`: kill the service and disturb it in other ways, and check what became of its songs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.faults import namespace
from tests.faults.kills import FAST_SERVICE, KillRun
from tests.faults.other_faults import OtherFaults
from tests.hostile.server import SERVE

DISK_MB, DISK_FILES = 256, 20_000
IMPOSSIBLE = 2


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Kill and disturb the service.")
    add = parser.add_argument
    add("--kills", type=int, default=200, metavar="N", help="how often it is killed (default: 200)")
    add("--others", type=int, default=100, metavar="N", help="faults of disk, database and clock (default: 100)")
    add("--model", action="store_true", help="with the shipped model, not the fast fake pipeline")
    add("--seed", type=int, default=0, metavar="N", help="at other moments")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    if namespace.is_inside():
        return disturb(arguments)
    if namespace.is_possible():
        return namespace.run_inside(["tests.faults", *(sys.argv[1:] if argv is None else argv)]).returncode
    print("this system lets nobody mount a disk in a namespace", file=sys.stderr)
    return IMPOSSIBLE


def disturb(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    with namespace.small_disk(megabytes=DISK_MB, files=DISK_FILES) as disk:
        service = SERVE if arguments.model else FAST_SERVICE
        run = KillRun(disk / "home", (*namespace.WITHOUT_PRIVILEGES, *service), arguments.seed)
        others = OtherFaults(run)
        try:
            run.kill_repeatedly(arguments.kills, lambda line: print(line, flush=True))
            others.repeat(arguments.others, lambda line: print(line, flush=True))
        finally:
            run.close()
    uploads, faults = run.uploads, run.kills + others.faults
    print(", ".join(f"{name} {count}" for name, count in faults.items()))
    print(
        f"{faults.total()} faults in {time.monotonic() - started:.0f} s: {len(uploads.accepted)} accepted, "
        f"{uploads.unanswered} without an answer, refused {dict(uploads.refused)}, "
        f"{len(run.problems)} lost, analysed twice or stuck"
    )
    for problem in run.problems:
        print(f"  PROBLEM {problem}")
    return 1 if run.problems else 0


if __name__ == "__main__":
    sys.exit(main())
