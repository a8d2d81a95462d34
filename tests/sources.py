"""The repository seen as text: which files are ours, for the tests that hold rules over all of them."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("ml", "library", "jobs", "web")


def python_files() -> list[Path]:
    """The product's Python files: the packages, and the modules at the top."""
    inside = [path for package in (*PACKAGES, "benchmarks") for path in ROOT.glob(f"{package}/**/*.py")]
    return sorted([*ROOT.glob("*.py"), *inside])


@cache
def tracked_files() -> tuple[Path, ...]:
    """What git holds. The owner of a fresh clone may be another user, which git would otherwise refuse."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listing.split("\0") if name and (path := ROOT / name).is_file())


def tracked_texts() -> dict[str, str]:
    """Each tracked text file by its path; what is no UTF-8 (weights, pictures) is left out."""
    texts: dict[str, str] = {}
    for path in tracked_files():
        try:
            texts[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return texts
