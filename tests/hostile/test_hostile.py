"""Some of the hostile inputs, and tests that a bad answer or a side effect would be detected."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from tests.hostile.__main__ import decode_files, send_requests
from tests.hostile.case import Bait, Case
from tests.hostile.decoding import FullPipeline, decode_all
from tests.hostile.files import audio_cases
from tests.hostile.raw_http import Answer, Exchange
from tests.hostile.requests import hostile_requests, problem_with
from tests.hostile.side_effects import open_files, watched_bait
from tests.hostile.valid_files import RATE, chords_and_noise, encode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
BAIT = Bait("http://127.0.0.1:9/song.ts", Path("canary.wav"))


def test_hostile_files() -> None:
    tally = decode_files(600)
    assert tally.problems == []
    assert tally.count > 500 and len(tally.families) > 20


def test_the_model_leaves_no_file_behind(tmp_path: Path) -> None:
    """A worker is ended by `kill -9`, so files that it would delete at its exit would stay."""
    tally = decode_all([Case("good", "song", encode(chords_and_noise(), RATE, "WAV"))], tmp_path, pipeline=FullPipeline)
    assert (tally.problems, tally.answers) == ([], {"analysed": 1})


def test_hostile_requests() -> None:
    tally = send_requests(500)
    assert tally.problems == []
    assert tally.count >= 500 and len(tally.families) > 7


def test_inputs_are_different_and_reproducible() -> None:
    once, again = ([(case.name, case.data) for case in audio_cases(BAIT, 200)] for _ in range(2))
    assert [name for name, _ in once] == [name for name, _ in again]
    changed = [name for (name, first), (_, second) in zip(once, again, strict=True) if first != second]
    assert len(changed) < 0.25 * len(once)  # some formats carry an identifier that their encoder draws
    assert len({data for _, data in once}) > 0.85 * len(once)
    requests = [send_requests.pieces for send_requests in hostile_requests(400)]
    assert requests == [send_requests.pieces for send_requests in hostile_requests(400)] and len(set(requests)) == len(
        requests
    )


class LeakyPipeline:
    """A pipeline with the side effects that no input may have."""

    def run(self, path: Path) -> str:
        kind = path.read_bytes()
        if kind == b"file":
            self.open_file = path.open("rb")
        elif kind == b"temporary":
            tempfile.mkstemp()
        elif kind == b"bug":
            raise ZeroDivisionError
        elif kind == b"death":
            os.abort()
        return "decoded"


@pytest.mark.parametrize("kind", ["file", "temporary", "bug", "death"])
def test_side_effects_are_detected(tmp_path: Path, kind: str) -> None:
    tally = decode_all(
        [Case("made", kind, kind.encode()), Case("made", "good", b"good")], tmp_path, pipeline=LeakyPipeline
    )
    assert len(tally.problems) == 1 and f"made {kind}" in tally.problems[0]


def test_accesses_to_the_bait_are_recorded(tmp_path: Path) -> None:
    with watched_bait(tmp_path) as log:
        assert str(log.bait.canary) not in open_files(os.getpid())
        log.bait.canary.read_bytes()
        port = int(log.bait.url.rpartition(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            assert connection.recv(1) == b""
    assert len(log.connections) == 1 and len(log.canary_reads) == 1


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(500, "", b"", 0), "answered 500"),
        (Answer(200, "X-A: 1", b"", 0), "injection"),
        (Answer(400, "Content-Type: application/json", b'{"error": {}}', 0), "not an error"),
        (
            Answer(400, "Content-Type: application/json", b'{"error": {"code": "a", "message": "b"}}', 0),
            "not a sentence",
        ),
        (Answer(400, "", b"Traceback (most recent call last)", 0), "traceback"),
        (None, "hung up"),
    ],
)
def test_a_bad_answer_is_a_problem(answer: Answer | None, text: str) -> None:
    problem = problem_with(Exchange("made", "up", ()), answer, 0)
    assert problem is not None and text in problem


@pytest.mark.parametrize("status", [400, 413, 422, 503, 507])
def test_a_clean_answer_is_no_problem(status: int) -> None:
    body = b'{"error": {"code": "a", "message": "A sentence."}}'
    assert problem_with(Exchange("", "", ()), Answer(status, "application/json", body, 0), 0) is None
