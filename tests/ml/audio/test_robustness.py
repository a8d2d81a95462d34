"""Hostile bytes give audio or an `AudioError`, nothing else, and leave nothing behind."""

from __future__ import annotations

import gc
import io
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.audio.loading import load
from ml.audio.settings import DecodeLimits
from ml.audio.sniff import sniff
from ml.report import errors
from tests.ports import recorded_connections

from .sounds import encode, tone

LIMITS = DecodeLimits(max_seconds=5.0, decode_wall_seconds=5.0)
MANY = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

MAGIC = [b"RIFF\x20\0\0\0WAVE", b"fLaC", b"OggS\0\x02", b"FORM\0\0\0\x20AIFF", b".snd", b"caff\0\x01\0\0", b"ID3\x04\0"]
MAGIC += [
    b"\xff\xfb\x90\xc4",
    b"\xff\xf1\x50\x80",
    b"RF64\xff\xff\xff\xffWAVE",
    b"PK\x03\x04",
    b"",
    b"riff\x2e\x91\xcf\x11",
]


def assert_audio_or_error(data: bytes) -> None:
    try:
        audio = load(io.BytesIO(data), limits=LIMITS)
    except errors.AudioError as error:
        str(error).encode("utf-8")
        return
    assert np.isfinite(audio.samples).all() and LIMITS.min_seconds <= audio.duration_seconds <= 5.0


@pytest.fixture(scope="session")
def files(ffmpeg: Callable[..., bytes]) -> dict[str, bytes]:
    samples = np.random.default_rng(3).uniform(-0.4, 0.4, (33075, 2)).astype(np.float32)
    native = {name: encode(samples, 22050, name) for name in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "W64")}
    return native | {name: ffmpeg(samples, 22050, name) for name in ("m4a", "aac", "wma", "webm", "oga", "caf")}


@MANY
@given(st.sampled_from(MAGIC), st.binary(max_size=2000))
def test_random_bytes(magic: bytes, data: bytes) -> None:
    assert_audio_or_error(magic + data)
    sniff(io.BytesIO(magic + data))


def mutate(data: bytes, seed: int) -> bytes:
    """Flip up to 40 bytes, half of them among the first 200, and cut one file in three.

    Drawn from a seed: hypothesis prefers small values so strongly that most files would end in their header.
    """
    chance = random.Random(seed)
    mutated = bytearray(data)
    for _ in range(chance.choice([0, 1, 3, 40])):
        mutated[chance.randrange(200 if chance.random() < 0.5 else len(data))] = chance.randrange(256)
    return bytes(mutated[: chance.randrange(len(data)) if chance.random() < 0.33 else len(data)])


@MANY
@given(st.sampled_from(["WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "W64"]), st.integers(0, 2**32))
def test_damaged_files(files: dict[str, bytes], name: str, seed: int) -> None:
    assert_audio_or_error(mutate(files[name], seed))


@FEW
@given(st.sampled_from(["m4a", "aac", "wma", "webm", "oga", "caf"]), st.integers(0, 2**32))
def test_damaged_files_of_ffmpeg(files: dict[str, bytes], name: str, seed: int) -> None:
    assert_audio_or_error(mutate(files[name], seed))


def test_decoders_print_nothing(files: dict[str, bytes], capfd: pytest.CaptureFixture[str]) -> None:
    mp3 = files["MP3"]
    for at in range(100, len(mp3) - 200, 400):
        assert_audio_or_error(mp3[:at] + b"abcdefgh" * 20 + mp3[at + 160 :])
        assert_audio_or_error(mp3[:at])
    for data in files.values():
        assert_audio_or_error(data[: len(data) // 2])
    assert capfd.readouterr() == ("", "")
    os.write(2, b"still here")
    print("and here", file=sys.stderr)
    assert capfd.readouterr().err == "still hereand here\n"


def test_c_messages_return_after_the_last_of_several_threads(files: dict[str, bytes]) -> None:
    script = (
        "import ctypes, sys, io, threading, soundfile, ml.audio.loading\n"
        "data = sys.stdin.buffer.read()\n"
        "threads = [threading.Thread(target=ml.audio.loading.load, args=(io.BytesIO(data),)) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "soundfile.SoundFile(io.BytesIO(data[:-2000])).read(1000)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], input=files["MP3"], capture_output=True, check=True)
    assert sys.platform != "linux" or b"Xing stream size off" in done.stderr


def children() -> list[str]:
    """Processes that this one has started and that still run; other tests may have left a helper of Python's own."""
    if sys.platform != "linux":
        return []
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_nothing_is_left_behind(
    files: dict[str, bytes], silent_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert_audio_or_error(files["MP3"])  # The stream that discards messages opens once and stays open.
    gc.collect()
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    threads, children_before = threading.active_count(), children()
    for data in [*files.values(), silent_video.read_bytes(), files["m4a"][:5000], files["webm"][:300], b"text"]:
        assert_audio_or_error(data)
    with pytest.raises(errors.DecoderTimeoutError):
        load(io.BytesIO(files["m4a"]), limits=DecodeLimits(decode_wall_seconds=0.0))
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads
    gc.collect()
    if before:
        assert len(os.listdir("/proc/self/fd")) == before
    assert children() == children_before


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    with recorded_connections() as recorded:
        yield recorded


def test_nothing_is_fetched(
    listener: tuple[str, list[str]], tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, connections = listener
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encode(tone()))
    (tmp_path / "song.m4a").write_bytes(files["m4a"])
    for target in (url, f"file://{secret}", str(secret), f"concat:{secret}|{secret}"):
        for text in (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{target}'\n",
            f'<?xml version="1.0"?><MPD><BaseURL>{target}</BaseURL></MPD>',
            f"[playlist]\nFile1={target}\n",
        ):
            for data in (
                text.encode(),
                b"\0\0\0\x18ftypM4A \0\0\0\0" + text.encode(),
                b"\xff\xf1\x50\x80" + text.encode(),
            ):
                path = tmp_path / "list.m4a"
                path.write_bytes(data)
                with pytest.raises(errors.AudioError):
                    load(path)
    monkeypatch.chdir(tmp_path)
    for name in (url, "concat:song.m4a|song.m4a", "-i", "pipe:0", "subfile,,start,0,end,0,,:song.m4a"):
        with pytest.raises(errors.NotFoundError):
            load(name)
    assert connections == []


@pytest.mark.parametrize(
    "name", ["-i.m4a", "-y", "concat:a|b", "pipe:0", "http:", "%d.m4a", "a b;$(id).m4a", "노래.m4a"]
)
def test_a_name_is_only_a_name(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(files["m4a"])
    assert load(name).duration_seconds > 1.4
    assert os.listdir() == [name]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Half an hour of stereo at 44.1 kHz is 635 MB decoded; only the capped mono signal may stay."""
    import soundfile

    second = np.random.default_rng(4).uniform(-0.01, 0.01, (44100, 2)).astype(np.float32)
    with soundfile.SoundFile(tmp_path / "long.flac", "w", 44100, 2, "PCM_16") as file:
        for _ in range(1800):
            file.write(second)
    script = (
        "import resource, sys, ml.audio.loading\nfrom ml.audio.settings import DecodeLimits\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "audio = ml.audio.loading.load(sys.argv[1], limits=DecodeLimits(max_seconds=1500))\n"
        "assert audio.duration_seconds == 1500 and audio.notes == ('Only the first 25 minutes were analysed.',)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "long.flac"], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1500 * 16000 * 4 / 2**20 + 40


def test_infinity_in_both_channels_gives_no_warning() -> None:
    """Infinity plus minus infinity is NaN; warnings are errors here."""
    samples = np.column_stack([tone(), -tone()])
    samples[100] = np.inf, -np.inf
    with pytest.raises(errors.NotFiniteError):
        load(io.BytesIO(encode(samples, subtype="FLOAT")))
