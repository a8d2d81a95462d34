"""A program that the trial starts and that ends with it, even by `kill -9` of the trial.

Between the two is a small process whose standard input is a pipe of the trial. When all other ends of the pipe are
closed, it ends its program.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jobs.cluster.nodes import GRACE_SECONDS
from jobs.parent_process import on_parent_exit
from ml.paths import ROOT

END_SECONDS = GRACE_SECONDS + 10.0
"""Longer than workers may take to finish their songs."""


class Program:
    """Runs in a session of its own: Ctrl-C at the terminal reaches only the trial, which ends programs in order."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        variables: Mapping[str, str] | None = None,
        user: str = "",
        stop: signal.Signals = signal.SIGTERM,
        stdin: int = subprocess.PIPE,
        keep: Sequence[int] = (),
    ) -> None:
        self.name, self.log = name, log
        watched = [sys.executable, "-m", __name__, str(int(stop)), user, *command]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                watched,
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **(variables or {})},
                pass_fds=tuple(keep),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask_to_end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def wait(self) -> None:
        """Until it has ended; it is killed if it takes too long."""
        try:
            self._process.wait(END_SECONDS + 5.0)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def main(stop: str, user: str, *command: str) -> int:
    """The process in between."""
    account: dict[str, Any] = {"user": user, "group": user_group(user), "extra_groups": []} if user else {}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd="/", **account)

    def end(*_: object) -> None:
        process.send_signal(int(stop))

    def end_soon() -> None:
        end()
        time.sleep(END_SECONDS)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    on_parent_exit(end_soon)
    return process.wait() and 1


def user_group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
