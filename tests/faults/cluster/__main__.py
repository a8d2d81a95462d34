"""`python -m tests.faults.cluster`: disturb a cluster of two nodes, and check what became of its songs."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from tests.faults.cluster.run import cluster
from tests.faults.cluster.servers import BROKERS, program


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.cluster", description="Disturb a cluster.")
    add = parser.add_argument
    add("--count", type=int, default=300, metavar="N", help="how many faults (default: 300)")
    add("--broker", choices=tuple(BROKERS), default="amqp", help="which broker (default: amqp)")
    add("--at-once", type=int, default=3, metavar="N", help="how many of them meet the same songs (default: 3)")
    add("--seed", type=int, default=0, metavar="N", help="at other moments")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    missing = [kind for kind in ("postgresql", arguments.broker) if program(kind) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers and nodes end with this process
    started = time.monotonic()
    with cluster(arguments.broker, seed=arguments.seed, show=lambda line: print(line, flush=True)) as run:
        run.disturb(arguments.count, arguments.at_once)
        songs, files = run.songs, run.songs.files
    print(
        "\n".join(
            f"{name}: {count}, at most {run.slowest.get(name, 0.0):.1f} s until the last song"
            for name, count in run.faults.items()
        )
    )
    print(
        f"{run.faults.total()} faults in {time.monotonic() - started:.0f} s: {len(songs.uploaded)} uploads, "
        f"{songs.scans} scans of {files} files, {len(songs.lost_tries)} ended because three workers were lost, "
        f"{len(run.problems)} lost, analysed twice, stuck or different"
    )
    for problem in run.problems:
        print(f"  PROBLEM {problem}")
    return 1 if run.problems else 0


if __name__ == "__main__":
    sys.exit(main())
