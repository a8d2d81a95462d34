"""The files of the repository, for the tests that check rules over all of them."""

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


def is_offline(path: Path) -> bool:
    """Whether the file only trains or measures: it is no part of the running product."""
    return path.is_relative_to(ROOT / "ml/train") or path.is_relative_to(ROOT / "ml/evaluate")


@cache
def tracked_files() -> tuple[Path, ...]:
    """The files in git. In a fresh clone they may belong to another user, which git would otherwise refuse."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listing.split("\0") if name and (path := ROOT / name).is_file())


def tracked_texts() -> dict[str, str]:
    """Each tracked text file by its path; files that are not UTF-8 (weights, pictures) are left out."""
    texts: dict[str, str] = {}
    for path in tracked_files():
        try:
            texts[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return texts
