"""A copy of the tree, in which tests run as a user without rights: what a guard protects may be files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import SHARED
from tests.sources import ROOT

NOBODY = 65534
AT_THE_END = 'failed on teardown with "'
BROKEN = ("NameError", "ImportError", "ModuleNotFoundError", "SyntaxError", "UnboundLocalError")
"""Errors that say that the edit broke the code, and nothing about the guard."""


@dataclass(frozen=True)
class TestRun:
    """How tests ended."""

    __test__ = False  # pytest takes classes of such names for tests

    passed: int = 0
    skipped: int = 0
    failures: tuple[str, ...] = ()
    """The first line of each failed assertion or raised error."""
    is_complete: bool = True
    """Whether the tests could be imported and started at all."""
    timed_out: bool = False

    @property
    def all_passed(self) -> bool:
        return self.is_complete and self.passed > 0 and not (self.failures or self.skipped or self.timed_out)


class Tree:
    def __init__(self, folder: Path) -> None:
        self.root, self._temporary = folder / "tree", folder / "tmp"
        self.root.mkdir()
        self._temporary.mkdir()
        for name in _file_names():
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)

    def run(self, tests: Iterable[str], seconds: float) -> TestRun:
        """Run tests until the first fails, in a process group of their own."""
        results = self._temporary / "results.xml"
        results.unlink(missing_ok=True)
        options = [
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "-n",
            "0",
            f"--junitxml={results}",
            f"--basetemp={self._temporary / 'base'}",
        ]
        process = subprocess.Popen(
            [*_unprivileged(), sys.executable, "-m", "pytest", *options, *tests],
            cwd=self.root,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return TestRun(timed_out=True)
        finally:
            _kill_all(process, self._temporary)
        return _read(results, code)

    def _environment(self) -> dict[str, str]:
        variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("SORI_", "PYTEST_", "CI"))
        }
        own = {"HOME": self._temporary, "TMPDIR": self._temporary, "SORI_SHARED": SHARED, "PYTHONDONTWRITEBYTECODE": 1}
        return variables | {name: str(value) for name, value in own.items()}


@contextmanager
def copied_tree() -> Iterator[Tree]:
    with TemporaryDirectory(prefix="mutants-") as folder:
        yield Tree(Path(folder))


def _file_names() -> list[str]:
    """What git tracks or would track, and the compiled translations."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    compiled = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("translations/*/LC_MESSAGES/*.mo")]
    return [name for name in {*listing.split("\0"), *compiled} if name and (ROOT / name).is_file()]


def _unprivileged() -> list[str]:
    """Root runs the tests as a user who can read everything, because the interpreter may be root's, and write nothing
    but the copy: with a guard removed, a test may delete what the guard protects."""
    if os.geteuid() != 0:
        return []
    only = "-all,+dac_read_search"
    capabilities = [f"--{kind}={only}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", *capabilities]


def _kill_all(process: subprocess.Popen[bytes], mark: Path) -> None:
    """The tests, and what they started and left, also in sessions of its own: it has the tree's folder as its home."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"HOME={mark}".encode() in path.read_bytes().split(b"\0"):
                os.kill(int(path.parent.name), signal.SIGKILL)


def _read(results: Path, code: int) -> TestRun:
    if code not in (0, 1) or not results.is_file():
        return TestRun(is_complete=False)
    cases = list(ElementTree.parse(results).iter("testcase"))  # noqa: S314 - pytest wrote it
    failures = [failure.get("message", "") for case in cases for failure in case.iter("failure")]
    errors = [error.get("message", "") for case in cases for error in case.iter("error")]
    # A fixture may check at its end that nothing was changed: that is a failed test. Other errors prove nothing.
    failures += [message.removeprefix(AT_THE_END) for message in errors if message.startswith(AT_THE_END)]
    is_broken = any(not message.startswith(AT_THE_END) for message in errors)
    is_broken |= any(message.startswith(BROKEN) for message in failures)
    skipped = sum(1 for case in cases for _ in case.iter("skipped"))
    passed = sum(1 for case in cases if not {part.tag for part in case} & {"failure", "error", "skipped"})
    return TestRun(passed, skipped, tuple(failures), not is_broken)
