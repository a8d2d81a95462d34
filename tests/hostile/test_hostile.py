"""A part of the hostile inputs, and proof that a bad answer or a trace would be seen."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from tests.hostile.__main__ import hear, knock
from tests.hostile.audio import audio_cases
from tests.hostile.case import Bait, Case
from tests.hostile.hearing import TrueEar, hear_all
from tests.hostile.knocking import knocks, wrong_with
from tests.hostile.seeds import RATE, encode, sound
from tests.hostile.watch import bystander, open_files
from tests.hostile.wire import Answer, Knock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left behind")
BAIT = Bait("http://127.0.0.1:9/song.ts", Path("canary.wav"))


def test_hostile_files() -> None:
    tally = hear(600)
    assert tally.wrongs == []
    assert tally.count > 500 and len(tally.families) > 20


def test_the_model_leaves_no_file_behind(tmp_path: Path) -> None:
    """A process of the crew is ended by `kill -9`: what was to be removed at its exit would stay for ever."""
    tally = hear_all([Case("good", "song", encode(sound(), RATE, "WAV"))], tmp_path, pipeline=TrueEar)
    assert (tally.wrongs, tally.answers) == ([], {"judged": 1})


def test_hostile_requests() -> None:
    tally = knock(500)
    assert tally.wrongs == []
    assert tally.count >= 500 and len(tally.families) > 7


def test_inputs_are_many_different_and_always_the_same() -> None:
    once, again = ([(case.name, case.data) for case in audio_cases(BAIT, 200)] for _ in range(2))
    assert [name for name, _ in once] == [name for name, _ in again]
    changed = [name for (name, first), (_, second) in zip(once, again, strict=True) if first != second]
    assert len(changed) < 0.25 * len(once)  # some formats carry an identifier that their encoder draws
    assert len({data for _, data in once}) > 0.85 * len(once)
    requests = [knock.pieces for knock in knocks(400)]
    assert requests == [knock.pieces for knock in knocks(400)] and len(set(requests)) == len(requests)


class Careless:
    """An ear that does what no input may bring about."""

    def hear(self, path: Path) -> str:
        kind = path.read_bytes()
        if kind == b"file":
            self.kept = path.open("rb")
        elif kind == b"temporary":
            tempfile.mkstemp()
        elif kind == b"bug":
            raise ZeroDivisionError
        elif kind == b"death":
            os.abort()
        return "heard"


@pytest.mark.parametrize("kind", ["file", "temporary", "bug", "death"])
def test_what_is_left_behind_is_seen(tmp_path: Path, kind: str) -> None:
    tally = hear_all(
        [Case("made", kind, kind.encode()), Case("made", "good", b"good")], tmp_path, pipeline=Careless
    )
    assert len(tally.wrongs) == 1 and f"made {kind}" in tally.wrongs[0]


def test_a_look_and_a_knock_are_noted(tmp_path: Path) -> None:
    with bystander(tmp_path) as watched:
        assert str(watched.bait.canary) not in open_files(os.getpid())
        watched.bait.canary.read_bytes()
        port = int(watched.bait.url.rpartition(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as line:
            assert line.recv(1) == b""
    assert len(watched.knocks) == 1 and len(watched.glances) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(500, "", b"", 0), "answered 500"),
        (Answer(200, "X-A: 1", b"", 0), "planted"),
        (Answer(400, "Content-Type: application/json", b'{"error": {}}', 0), "no error"),
        (
            Answer(400, "Content-Type: application/json", b'{"error": {"code": "a", "message": "b"}}', 0),
            "no sentence",
        ),
        (Answer(400, "", b"Traceback (most recent call last)", 0), "traceback"),
        (None, "hung up"),
    ],
)
def test_a_bad_answer_is_seen(answer: Answer | None, said: str) -> None:
    wrong = wrong_with(Knock("made", "up", ()), answer, 0)
    assert wrong is not None and said in wrong


@pytest.mark.parametrize("status", [400, 413, 422, 503, 507])
def test_a_good_answer_is_none(status: int) -> None:
    words = b'{"error": {"code": "a", "message": "A sentence."}}'
    assert wrong_with(Knock("", "", ()), Answer(status, "application/json", words, 0), 0) is None
