"""`python -m jobs.cluster.trial` (`make cluster`): PostgreSQL, a broker, two web processes, workers and a balancer.

All of it runs on this machine, for trying out what docs/scaling.md describes. Ctrl-C ends everything.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from environment import read_environment, read_language
from jobs.cluster.trial.cluster import Cluster, folder_of_its_own
from ml.paths import ROOT
from ml.report.errors import SoriError
from ml.report.translation import Translator

_LOOK_SECONDS = 0.5


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.cluster.trial",
        description="Start web processes, workers, a database, a broker and a balancer on this machine.",
    )
    parser.add_argument(
        "--folder", type=Path, default=default_folder(), help="where their data is (default: %(default)s)"
    )
    return parser


def default_folder() -> Path:
    """PostgreSQL does not run as root, and other users must not reach what is in root's folders."""
    return ROOT / "var/cluster" if os.geteuid() else Path("/var/tmp/sori-cluster")  # noqa: S108 - checked for its owner


def run(argv: Sequence[str], variables: Mapping[str, str]) -> int:
    arguments = build_parser().parse_args(argv)
    translator = Translator(read_language(variables))
    ended = threading.Event()
    cluster: Cluster | None = None

    def end(*_: object) -> None:
        if ended.is_set() and cluster is not None:  # asked twice
            cluster.kill()
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    try:
        with folder_of_its_own(arguments.folder.absolute()) as lock:
            cluster = Cluster(arguments.folder.absolute(), read_environment(variables), variables, lock)
            print(
                translator.translate(
                    "Starting; this takes up to a minute. The data is in {folder}", folder=cluster.folder
                )
            )
            try:
                cluster.start(ended)
                if not ended.is_set():
                    _announce(cluster, translator)
                while not ended.wait(_LOOK_SECONDS):
                    for name in cluster.newly_ended():
                        print(translator.translate("{name} has ended; the others go on.", name=name), flush=True)
            finally:
                cluster.end()
    except SoriError as error:
        print(f"cluster: {translator.explain(error)}", file=sys.stderr)
        return 2
    return 0


def _announce(cluster: Cluster, translator: Translator) -> None:
    webs = ", ".join(cluster.web_addresses)
    if cluster.address is None:
        print(translator.translate("haproxy is not installed, so there is no balancer in front."))
    print(translator.translate("Sori runs at {address} (Ctrl-C ends it)", address=cluster.address or webs))
    print(translator.translate("Web processes: {webs}. Logs: {folder}", webs=webs, folder=cluster.logs), flush=True)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], os.environ))
