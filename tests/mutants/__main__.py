"""`python -m tests.mutants [--only NAME] [--list] [-j N]`: remove each guard from a copy, and see its tests fail."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from tests.mutants.guard import Guard
from tests.mutants.guards import GUARDS
from tests.mutants.tree import TestRun, Tree, copied_tree

TIMEOUT_SECONDS = 300.0
KILLED, SURVIVED, STALE, BASELINE, BROKEN, TIMEOUT = (
    "killed",
    "SURVIVED",
    "STALE: its text is not in the file exactly once",
    "NO PROOF: its tests do not all pass before the edit",
    "NO PROOF: the edit breaks the code",
    "NO PROOF: its tests do not end",
)


@dataclass(frozen=True)
class Outcome:
    guard: Guard
    verdict: str
    seconds: float


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description="Remove each guard from a copy of the tree, and see its tests fail."
    )
    parser.add_argument("--only", metavar="TEXT", help="only guards whose name or file contains this")
    parser.add_argument("--list", action="store_true", help="list the guards and their tests")
    parser.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="tests at once (default: 1)")
    return parser


def try_group(guards: Sequence[Guard]) -> Iterator[Outcome]:
    """Guards with tests in one file. The tests have to pass before an edit: all of them at once, or each guard's."""
    started = time.monotonic()
    with copied_tree() as tree:
        all_pass = passes([test for guard in guards for test in guard.tests], tree)
        for guard in guards:
            verdict = try_guard(guard, tree) if all_pass or passes(guard.tests, tree) else BASELINE
            yield Outcome(guard, verdict, time.monotonic() - started)
            started = time.monotonic()


def passes(tests: Iterable[str], tree: Tree) -> bool:
    return tree.run(dict.fromkeys(tests), TIMEOUT_SECONDS).all_passed


def try_guard(guard: Guard, tree: Tree) -> str:
    if guard.count() != 1:
        return STALE
    guard.remove_from(tree.root)
    try:
        run = tree.run(guard.tests, TIMEOUT_SECONDS)
    finally:
        guard.restore_in(tree.root)
    return judge(guard, run)


def test_file(guard: Guard) -> str:
    return guard.tests[0].partition("::")[0]


def judge(guard: Guard, run: TestRun) -> str:
    """What the tests say without the guard."""
    if run.timed_out:
        return KILLED if guard.timeout_kills else TIMEOUT
    if not run.is_complete:
        return BROKEN
    return KILLED if run.failures else SURVIVED


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    guards = [guard for guard in GUARDS if (arguments.only or "") in f"{guard.name} {guard.file}"]
    if arguments.list:
        for guard in guards:
            print(f"{guard.name:<44} {guard.file:<34} {' '.join(guard.tests)}")
        return 0
    guards.sort(key=test_file)
    groups = [list(group) for _, group in groupby(guards, test_file)]
    outcomes: list[Outcome] = []

    def try_and_show(group: list[Guard]) -> None:
        for outcome in try_group(group):
            outcomes.append(outcome)
            print(f"{outcome.guard.name:<44} {outcome.seconds:>5.0f} s  {outcome.verdict}", flush=True)

    with ThreadPoolExecutor(arguments.jobs) as threads:
        list(threads.map(try_and_show, groups))
    killed = sum(outcome.verdict == KILLED for outcome in outcomes)
    print(f"{killed} of {len(outcomes)} guards are proven by their tests")
    return 0 if outcomes and killed == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
