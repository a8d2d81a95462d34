"""A network namespace whose cable can be cut: nothing that is sent arrives, and no connection is closed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from functools import cache


@cache
def is_possible() -> bool:
    """Whether this process may make one: as root, with iproute2."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"sori-try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode != 0:
        return False
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return True


class Cable:
    """A namespace and its only cable. `address` is this machine's end."""

    def __init__(self) -> None:
        number = os.getpid() % 250
        self._name, self._here, self._there = f"sori-{os.getpid()}", f"sori{os.getpid()}a", f"sori{os.getpid()}b"
        self.address, other = f"10.231.{number}.1", f"10.231.{number}.2"
        _ip("netns", "add", self._name)
        _ip("link", "add", self._here, "type", "veth", "peer", "name", self._there, "netns", self._name)
        _ip("address", "add", f"{self.address}/30", "dev", self._here)
        _ip("link", "set", self._here, "up")
        for command in (
            ["address", "add", f"{other}/30", "dev", self._there],
            ["link", "set", self._there, "up"],
            ["link", "set", "lo", "up"],
        ):
            _ip("-n", self._name, *command)

    @property
    def enter(self) -> list[str]:
        """The beginning of a command that runs inside."""
        return ["ip", "netns", "exec", self._name]

    def cut(self, seconds: float) -> None:
        _ip("link", "set", self._here, "down")
        try:
            time.sleep(seconds)
        finally:
            _ip("link", "set", self._here, "up")

    def close(self) -> None:
        _ip("netns", "delete", self._name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
