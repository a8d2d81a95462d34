"""The child process that detects formats: it answers, is replaced when it fails, and ends with its parent."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from library.catalogue.tables import path_hash_of
from ml.audio.sniff import Kind, sniff
from ml.report.errors import PictureError, ReadError
from tests.fakes import write_wav
from tests.sources import ROOT
from tests.web.shelf import put
from web.api import format_detection
from web.api.format_detection import COMMAND, DetectionError, FormatDetector
from web.context import NAME

HANGS = (sys.executable, "-c", "import time; time.sleep(600)")
DIES = (sys.executable, "-c", "input()")


class Counting(FormatDetector):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Path] = []

    def detect(self, path: Path) -> Kind:
        self.asked.append(path)
        return super().detect(path)


@pytest.fixture
def start() -> Iterator[Callable[..., FormatDetector]]:
    """`start(command)`: a detector of the test's own, closed at its end."""
    detectors: list[FormatDetector] = []

    def make(command: tuple[str, ...] = COMMAND, seconds: float = 30.0) -> FormatDetector:
        detectors.append(FormatDetector(command, seconds))
        return detectors[-1]

    yield make
    for detector in detectors:
        detector.close()


def child_of(detector: FormatDetector) -> int:
    assert detector._child is not None
    return detector._child[0].pid


@pytest.mark.parametrize("name", ["song.wav", "a\nb\x1b.wav", os.fsdecode("노래.wav".encode("cp949")), "한 글.wav"])
def test_any_name_is_answered(start: Callable[..., FormatDetector], tmp_path: Path, name: str) -> None:
    song = write_wav(tmp_path / name)
    with song.open("rb") as file:
        assert start().detect(song) == sniff(file)


def test_what_is_no_audio_is_named(start: Callable[..., FormatDetector], tmp_path: Path) -> None:
    detector, picture = start(), tmp_path / "picture"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert detector.detect(picture).refusal is PictureError
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path / "gone", tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ReadError):
            detector.detect(other)
    assert detector.detect(picture).format == "PNG"


def test_a_dead_child_is_replaced(start: Callable[..., FormatDetector], song: Path) -> None:
    detector = start()
    assert detector.detect(song).format == "WAV"
    dead = child_of(detector)
    os.kill(dead, signal.SIGKILL)
    assert detector.detect(song).format == "WAV"
    assert child_of(detector) != dead and not Path(f"/proc/{dead}").exists()


@pytest.mark.parametrize("command", [HANGS, DIES, ("/no/such/program",)])
def test_a_child_without_an_answer_is_an_error(
    start: Callable[..., FormatDetector], song: Path, command: tuple[str, ...]
) -> None:
    detector = start(command, 0.3 if command is HANGS else 30.0)
    with pytest.raises(DetectionError):
        detector.detect(song)
    assert detector._child is None


def test_several_questions_share_one_child(start: Callable[..., FormatDetector], tmp_path: Path) -> None:
    detector, files = start(), []
    for number in range(12):
        files.append(write_wav(tmp_path / f"{number}.wav"))
        files.append(tmp_path / f"{number}.txt")
        files[-1].write_text("text")
    with ThreadPoolExecutor(8) as pool:
        kinds = list(pool.map(detector.detect, files * 4))
        children = {pool.submit(child_of, detector).result() for _ in range(4)}
    assert [kind.format for kind in kinds] == ["WAV", "text"] * 48
    assert len(children) == 1


SCRIPT = "import os, signal, sys, time\nfrom pathlib import Path\n"


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL) and done.stderr == "", done.stderr
    return done.stdout


def test_a_waiting_greenlet_stops_no_other(song: Path) -> None:
    """Also: one child answers all, an ended request leaves no answer for the next, and the process ends by itself."""
    script = (
        "from gevent import monkey; monkey.patch_all()\nimport gevent\n"
        f"{SCRIPT}from web.api import format_detection\n"
        "from web.api.format_detection import FormatDetector, detect_format\n"
        "song = Path(sys.argv[1])\n"
        f"hanging = FormatDetector({HANGS!r}, 600.0)\n"
        "waiting = gevent.spawn(hanging.detect, song)\n"
        "others = [gevent.spawn(detect_format, song) for _ in range(3)]\n"
        "gevent.joinall(others, raise_error=True)\n"
        "print([other.value.format for other in others], waiting.ready())\n"
        "waiting.kill()\n"
        "children = set()\n"
        "for _ in range(5):\n"
        "    detect_format(song)\n"
        "    pid = format_detection._detector._child[0].pid\n"
        "    children.add(pid)\n"
        "    gevent.sleep(0.1)\n"
        "print(len(children))\n"
        "os.kill(pid, signal.SIGSTOP)\n"
        "ended = gevent.spawn(detect_format, Path(os.devnull))\n"
        "gevent.sleep(0)\n"
        "ended.kill()\n"
        "try: os.kill(pid, signal.SIGCONT)\n"
        "except ProcessLookupError: pass\n"
        "print(hanging._child, detect_format(song).format)\n"
    )
    assert run(script, song) == "['WAV', 'WAV', 'WAV'] False\n1\nNone WAV\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "sys.exit()"])
def test_the_child_ends_with_its_parent(song: Path, end: str) -> None:
    script = (
        f"{SCRIPT}from web.api import format_detection\n"
        "format_detection.detect_format(Path(sys.argv[1]))\n"
        f"print(format_detection._detector._child[0].pid, flush=True)\n{end}\n"
    )
    child = Path("/proc") / run(script, song).strip()
    deadline = time.monotonic() + 60
    while child.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.exists()


@pytest.mark.parametrize("command", [HANGS, DIES])
def test_an_upload_without_a_detector_is_asked_to_wait(
    app: Flask,
    browser: FlaskClient,
    song: Path,
    start: Callable[..., FormatDetector],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    monkeypatch.setattr(format_detection, "_detector", start(command, 0.3 if command is HANGS else 30.0))
    response = browser.post("/api/v1/analyses", data={"file": (io.BytesIO(song.read_bytes()), "a.wav")})
    assert (response.status_code, response.json["error"]["code"]) == (503, "detection")
    assert int(response.headers["Retry-After"]) > 0
    assert list(app.extensions[NAME].analyses.incoming.rglob("*")) == []


def test_a_library_song_is_examined_once(
    app: Flask, browser: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_wav(tmp_path / "music.wav")
    track = put(app.extensions[NAME].catalogue, None, "song", path=path, path_hash=path_hash_of(path))
    detector = Counting()
    monkeypatch.setattr(format_detection, "_detector", detector)
    try:
        address = f"/library/{track}/audio"
        for first in (0, 4, 100):
            piece = browser.get(address, headers={"Range": f"bytes={first}-200"}, buffered=True)
            assert piece.status_code == 206
        assert detector.asked == [path]
        path.write_text("no song any more")
        assert browser.get(address).status_code == 404
        assert len(detector.asked) == 2
    finally:
        detector.close()
