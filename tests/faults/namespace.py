"""A user and mount namespace of its own: small disks without being root, which nobody else sees."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.sources import ROOT

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""The permissions of files hold for a process that is started so, as they do outside of the namespace."""


@cache
def is_possible() -> bool:
    """Whether this system lets everybody have one."""
    if shutil.which(UNSHARE[0]) is None or shutil.which(WITHOUT_PRIVILEGES[0]) is None:
        return False
    command = [*UNSHARE, *WITHOUT_PRIVILEGES, "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def is_inside() -> bool:
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def run_inside(arguments: Sequence[str], *, is_captured: bool = False) -> subprocess.CompletedProcess[str]:
    """Run `python -m ...` in a new namespace."""
    command = [*UNSHARE, sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=is_captured, text=True)


@contextmanager
def small_disk(*, megabytes: int, files: int) -> Iterator[Path]:
    """An empty disk in the memory, only in a namespace."""
    if not is_inside():
        raise PermissionError("small disks are mounted only in a namespace of their own")
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / "disk"
        disk.mkdir()
        options = f"size={megabytes}m,nr_inodes={files}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=True)
        try:
            yield disk
        finally:
            subprocess.run(["umount", "-l", disk], check=True)
