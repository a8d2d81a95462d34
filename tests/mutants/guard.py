"""A guard of the service, and the edit that removes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.sources import ROOT


@dataclass(frozen=True)
class Guard:
    """`old` occurs once in `file`; with `new` in its place, one of `tests` fails."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """As pytest names them: `tests/test_a.py::test_b`."""
    timeout_kills: bool = False
    """Whether tests that do not end count as failed: where the guard is against waiting without end."""

    def count(self) -> int:
        """How often the guard's text is in its file. Anything but one means that this entry is out of date."""
        path = ROOT / self.file
        return path.read_text(encoding="utf-8").count(self.old) if path.is_file() else 0

    def remove_from(self, tree: Path) -> None:
        path = tree / self.file
        path.write_text(path.read_text(encoding="utf-8").replace(self.old, self.new), encoding="utf-8")

    def restore_in(self, tree: Path) -> None:
        path = tree / self.file
        path.write_bytes((ROOT / self.file).read_bytes())
