"""The list of guards fits the code and docs/security.md, and a guard whose test is blind is noticed."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants import __main__ as command
from tests.mutants.guard import Guard
from tests.mutants.guards import GUARDS
from tests.mutants.tree import copied_tree
from tests.sources import ROOT

ROWS = re.findall(r"^\| (?!promise|---)(.+?) \| (.+) \|$", (ROOT / "docs/security.md").read_text("utf-8"), re.MULTILINE)
UNPROVEN = {"test_a_full_disk", "test_songs_survive_every_fault"}
"""Tests of promises that no guard names. This list may only get shorter.

These two mount a disk in a namespace of their own, where a user without rights cannot start an interpreter that only
root can read. What they are about is proven by quicker tests too."""
PROVEN = {name for guard in GUARDS for name in re.findall(r"::(test_\w+)", " ".join(guard.tests))}


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_text_of_a_guard_is_in_its_file_once(guard: Guard) -> None:
    assert guard.count() == 1, f"{guard.file} has changed: write the guard {guard.name} again"
    for test in guard.tests:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}" in (ROOT / path).read_text(encoding="utf-8")


def test_each_guard_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(guard.name for guard in GUARDS).items() if count > 1] == []
    assert len(GUARDS) >= 60


@pytest.mark.parametrize(("promise", "tests"), ROWS, ids=lambda text: text[:40])
def test_each_promise_is_proven(promise: str, tests: str) -> None:
    """Each test of a row fails when a guard is removed."""
    named = set(re.findall(r"`(test_\w+)`", tests))
    assert named and named - PROVEN - UNPROVEN == set(), promise


def test_the_rows_of_promises_are_found() -> None:
    assert len(ROWS) >= 20
    assert not UNPROVEN & PROVEN, "these are proven now: remove them from the list"


def test_nothing_that_a_test_started_goes_on(made_up: Path) -> None:
    """Also in a session of its own."""
    (made_up / "test_door.py").write_text(
        "import subprocess\n"
        "def test_door():\n"
        "    open('pid', 'w').write(str(subprocess.Popen(['sleep', '600'], start_new_session=True).pid))\n"
    )
    with copied_tree() as tree:
        assert tree.run(["test_door.py"], 300.0).passed == 1
        pid = (tree.root / "pid").read_text()
    deadline = time.monotonic() + 60
    while is_running(pid):  # the system ends it in a moment
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: str) -> bool:
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with a guard, a test that sees it and one that does not."""
    for module in ("guard", "tree"):
        monkeypatch.setattr(f"tests.mutants.{module}.ROOT", tmp_path)
    files = {
        "door.py": "def is_closed():\n    locked = True\n    return locked\n",
        "test_door.py": "import door\n"
        "def test_seeing():\n    assert door.is_closed()\n"
        "def test_blind():\n    door.is_closed()\n",
        "test_end.py": "import pytest, door\n\n@pytest.fixture\ndef canary():\n"
        "    yield\n    assert door.is_closed()\n\ndef test_end(canary):\n    pass\n",
        "test_begin.py": "import pytest, door\n\n@pytest.fixture\ndef canary():\n"
        "    assert door.is_closed()\n\ndef test_begin(canary):\n    pass\n",
        "test_red.py": "def test_red():\n    assert False\n",
        "test_skipped.py": "import pytest\n\ndef test_skipped():\n    pytest.skip('no')\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("tests.mutants.tree._file_names", lambda: list(files))
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "test", "verdict"),
    [
        ("True", "False", "test_door.py::test_seeing", command.KILLED),
        ("True", "False", "test_door.py::test_blind", command.SURVIVED),
        ("True", "False", "test_end.py::test_end", command.KILLED),
        ("True", "False", "test_begin.py::test_begin", command.BROKEN),
        ("locked", "open", "test_door.py::test_seeing", command.STALE),
        ("gone", "open", "test_door.py::test_seeing", command.STALE),
        ("return locked", "return missing", "test_door.py::test_seeing", command.BROKEN),
        ("return locked", "return (", "test_door.py::test_seeing", command.BROKEN),
        ("True", "False", "test_red.py::test_red", command.BASELINE),
        ("True", "False", "test_skipped.py::test_skipped", command.BASELINE),
        ("True", "False", "test_door.py::test_nowhere", command.BASELINE),
    ],
)
def test_only_a_failing_test_is_a_proof(made_up: Path, old: str, new: str, test: str, verdict: str) -> None:
    [outcome] = command.try_group([Guard("door", "door.py", old, new, (test,))])
    assert outcome.verdict == verdict
    assert (made_up / "door.py").read_text() == "def is_closed():\n    locked = True\n    return locked\n"


def test_a_test_that_does_not_end_is_a_proof_only_where_that_is_stated(made_up: Path) -> None:
    (made_up / "test_door.py").write_text("import time\n\ndef test_door():\n    time.sleep(600)\n")
    with copied_tree() as tree:
        run = tree.run(["test_door.py"], 0.5)
    guard = Guard("door", "door.py", "True", "False", ("test_door.py",))
    assert command.judge(guard, run) == command.TIMEOUT
    assert command.judge(replace(guard, timeout_kills=True), run) == command.KILLED
