"""A full or read-only disk, a locked, exchanged or damaged database, a wrong clock: no song is lost or doubled."""

from __future__ import annotations

import pytest

from tests.faults import namespace
from tests.faults.other_faults import KINDS


@pytest.mark.skipif(not namespace.is_possible(), reason="this system lets nobody mount a disk in a namespace")
def test_songs_survive_every_fault() -> None:
    """Each kind once, of the running service; `python -m tests.faults` does it a hundred times."""
    done = namespace.run_inside(["tests.faults", "--kills", "0", "--others", str(len(KINDS))], is_captured=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"{kind} 1" in done.stdout for kind in KINDS), done.stdout


def test_a_small_disk_is_mounted_only_in_a_namespace() -> None:
    """Anywhere else it would cover a folder for everybody."""
    if not namespace.is_inside():
        with pytest.raises(PermissionError), namespace.small_disk(megabytes=1, files=10):
            pass
