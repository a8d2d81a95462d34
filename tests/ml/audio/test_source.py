"""Paths, file objects and streams, and the errors of reading them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.audio.loading import from_samples, load
from ml.audio.settings import SAMPLE_RATE, DecodeLimits
from ml.report import errors

from .assertions import assert_tone
from .sounds import encode, tone


@pytest.mark.parametrize(("channels", "rate"), [(1, 44100), (2, 44100), (6, 48000), (2, SAMPLE_RATE)])
def test_path_file_object_and_array_are_equal(tmp_path: Path, channels: int, rate: int) -> None:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (12 * rate, channels)).astype(np.float32)
    path = tmp_path / "noise.wav"
    path.write_bytes(encode(samples, rate, "WAV", "FLOAT"))
    expected = from_samples(samples, rate).samples
    np.testing.assert_array_equal(load(path).samples, expected)
    np.testing.assert_array_equal(load(str(path)).samples, expected)
    np.testing.assert_array_equal(load(io.BytesIO(path.read_bytes())).samples, expected)
    with path.open("rb") as file:
        file.seek(1000)
        np.testing.assert_array_equal(load(file).samples, expected)
        assert not file.closed


def test_a_stream_that_cannot_seek() -> None:
    data = encode(tone())
    script = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin and child.stdout
        child.stdin.write(data)
        child.stdin.close()
        assert_tone(load(child.stdout))


def test_paths_that_are_not_files(tmp_path: Path) -> None:
    for path in (tmp_path / "none.mp3", "nul\0.mp3", tmp_path / ("x" * 300), __file__ + "/song.mp3"):
        with pytest.raises(errors.NotFoundError):
            load(path)
    with pytest.raises(errors.FolderError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(errors.NotAFileError):
        load("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(errors.NotAFileError):
        load(tmp_path / "pipe")  # opening it would wait for a writer


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_path_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.touch(0o000)
    root = os.geteuid() == 0
    if root:  # Root may read everything.
        os.seteuid(65534)
    try:
        with pytest.raises(errors.DeniedError, match="no permission"):
            load(path)
    finally:
        if root:
            os.seteuid(0)


def test_braces_in_a_name_are_not_placeholders(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError, match=r"\{0\.__class__\}\{path\}"):
        load(tmp_path / "{0.__class__}{path}")


class FailingFile(io.BytesIO):
    """A disk that fails after the first bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 100_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(errors.ReadError, match="Input/output error"):
        load(FailingFile(encode(tone(10.0))))
    assert capfd.readouterr() == ("", "")


def test_a_stream_without_end(ffmpeg: Callable[..., bytes]) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"RIFF" * (size // 4 + 1)

    with pytest.raises(errors.TooLargeError):
        load(Endless(), limits=DecodeLimits(max_spool_bytes=1_000_000))  # type: ignore[arg-type]
