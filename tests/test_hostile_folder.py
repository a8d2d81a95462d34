"""A hostile folder through the whole command, with the real model: each bad file is in the failure log with its cause.

As root every file can be read; the command is run without that privilege, so that closed files are closed.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from library.catalogue.database import open_catalogue
from library.catalogue.failures import Failure, read_failures
from tests.hostile_folder import Hostile, build
from tests.runs import descriptors
from tests.sources import ROOT

COMMAND = """
import ctypes, os, sys
if os.geteuid() == 0:
    for privilege in (1, 2):  # to write and to read past all permissions
        if ctypes.CDLL(None).prctl(24, privilege, 0, 0, 0):
            sys.exit("the privilege of root could not be given up")
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
"""
PROGRAM = """
import preprocess, sys, tests.hostile_folder as hostile
sys.exit(preprocess.main(load_pipeline=hostile.TroubledPipeline))
"""


@dataclass(frozen=True)
class HostileRun:
    hostile: Hostile
    code: int
    out: str
    terminal: str
    """What the progress bar's terminal was sent."""
    failures: dict[bytes, Failure]
    analysed: frozenset[bytes]
    listed: dict[str, str]
    """What --failures prints, by language."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileRun]:
    """The command over the folder, its progress bar on a terminal; then its failure log, in both languages."""
    folder = tmp_path_factory.mktemp("hostile")
    home, music = folder / "var", folder / "music"
    hostile = build(music)
    code, out, terminal = run(home, music, "--jobs", "2")
    listed = {}
    for language in ("en", "ko"):
        _, listed[language], rest = run(home, "--failures", "--lang", language)
        assert rest == ""
    catalogue = open_catalogue(home)
    failures = {os.fsencode(failure.path): failure for failure in read_failures(catalogue)}
    catalogue.close()
    analysed = frozenset(os.fsencode(path) for path in descriptors(home))
    yield HostileRun(hostile, code, out, terminal, failures, analysed, listed)
    (music / "closed").chmod(0o755)


def run(home: Path, *argv: str | Path) -> tuple[int, str, str]:
    """Exit code, output, and what came over the terminal that its error stream is."""
    ours, theirs = pty.openpty()
    seen = bytearray()

    def listen() -> None:
        try:
            while data := os.read(ours, 4096):
                seen.extend(data)
        except OSError:  # the other side is closed
            pass

    listener = threading.Thread(target=listen)
    listener.start()
    environment = {**os.environ, "SORI_HOME": str(home), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-c", COMMAND, PROGRAM, *map(str, argv)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=theirs, timeout=400, check=False
    )
    os.close(theirs)
    listener.join()
    os.close(ours)
    return done.returncode, done.stdout.decode(), seen.decode()


def test_every_bad_file_is_in_the_failure_log_with_its_cause(ended: HostileRun) -> None:
    found = {path: failure.code for path, failure in ended.failures.items()}
    assert found == ended.hostile.bad
    assert len(found) > 60


def test_every_good_file_is_in_the_library(ended: HostileRun) -> None:
    assert ended.analysed == ended.hostile.good
    assert len(ended.analysed) > 30


def test_the_run_counts_bad_files(ended: HostileRun) -> None:
    assert ended.code == 1
    assert f"{len(ended.hostile.bad)} files could not be read; --failures lists the reasons." in ended.out


CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_no_name_reaches_the_terminal_as_a_command(ended: HostileRun) -> None:
    shown = ended.terminal.replace("\r", "")  # which brings the bar back to the start of its line
    assert ended.terminal != shown
    assert CONTROLS.findall(shown) == []
    for text in (ended.out, *ended.listed.values()):
        assert CONTROLS.findall(text) == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_failure_is_one_line(ended: HostileRun, language: str) -> None:
    lines = ended.listed[language].splitlines()
    assert len(lines) == len(ended.hostile.bad)
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d  /.+: .+", line) for line in lines)
    assert language == "en" or all(re.search("[가-힣]", line.split(": ", 1)[1]) for line in lines)
