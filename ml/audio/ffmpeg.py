"""Decoding with ffmpeg in a restricted child process: M4A, MP4, ADTS, WMA, WebM, Matroska, CAF, rarer Ogg codecs.

The child gets one file by absolute path, one demuxer by name, no network, no playlist, no environment, no terminal, and
limits on memory, CPU time, open files and written bytes. The limits are set with `prlimit` right after the start: a
`preexec_fn` would run Python between fork and exec, which may deadlock in a threaded program, and the few microseconds
before the limits hold are spent in the dynamic loader, not in a decoder. Where the system has no `prlimit` (macOS,
Windows), the wall clock limit and the command line options remain.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import IO

import numpy as np

from ml.audio.header import read_header
from ml.audio.mono import Decoded, Mono
from ml.audio.settings import SAMPLE_RATE, DecodeLimits
from ml.audio.sniff import Kind
from ml.audio.source import Source, View
from ml.report import errors

_BLOCK_BYTES = 1 << 18
_MAX_MESSAGE_BYTES = 1 << 20
"""How much the child may write to stderr: a file with ten thousand errors is damaged, and each of them costs time."""

_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_AUDIO = re.compile(r"^  Stream #0:\d+.*?: Audio: (\w+)(.*)$", re.MULTILINE)
_VIDEO = re.compile(r"^  Stream #0:\d+.*?: Video: (?!.*\(attached pic\))", re.MULTILINE)
_RATE = re.compile(r", (\d+) Hz, ")
_ENCRYPTED = re.compile(r"^  Stream #0.*\((?:drms|drmi|enca) /|^\[.*DRM protected stream", re.MULTILINE)
_TITLE = re.compile(r"^    title +: (.*)$", re.MULTILINE | re.IGNORECASE)
_ARTIST = re.compile(r"^    artist +: (.*)$", re.MULTILINE | re.IGNORECASE)


def decode(source: Source, kind: Kind, limits: DecodeLimits, *, first_channel_only: bool = False) -> Decoded:
    """Decode up to `limits.max_seconds` of `source`; ffmpeg mixes and resamples."""
    mono = Mono(SAMPLE_RATE, limits.max_seconds)
    frame_count = 0
    with source.as_path(limits) as path, _child(_command(path, kind, limits, first_channel_only), limits) as child:
        for data in iter(lambda: child.stdout.read(_BLOCK_BYTES), b""):
            block = np.frombuffer(data, np.float32, len(data) // 4)
            mono.add(block[:, np.newaxis])
            frame_count += len(block)
        messages = child.finish()
    if child.timed_out:
        raise errors.DecoderTimeoutError(format=kind.format, seconds=limits.decode_wall_seconds)
    if child.used_its_time:
        raise errors.DecoderTimeoutError(format=kind.format, seconds=limits.decode_cpu_seconds)
    decoded = _interpret(messages, mono, frame_count, kind, limits)
    decoded.is_broken = child.is_flooded
    # ffmpeg does not report the stated length of a WMA or a CAF that ends earlier.
    header = read_header(View(source.file), kind.format)
    decoded.stated_seconds = header.stated_seconds or decoded.stated_seconds
    return decoded


def _interpret(messages: str, mono: Mono, frame_count: int, kind: Kind, limits: DecodeLimits) -> Decoded:
    """The result according to the messages of ffmpeg, or the error that refuses the file."""
    about_input, _, about_output = messages.partition("\nOutput #0")
    messages = about_input + about_output[-2000:]
    audio, video = _AUDIO.search(messages), _VIDEO.search(messages)
    if _ENCRYPTED.search(messages):
        raise errors.ProtectedError(format=kind.format)
    if audio is None and not frame_count:
        if video is not None:
            raise errors.NoSoundError(format=kind.format)
        if "moov atom not found" in messages:
            raise errors.IncompleteError(format=kind.format)
        raise errors.CorruptError(format=kind.format)
    rate = _RATE.search(audio[0]) if audio else None
    stated = None
    # The length of a film is that of its longest stream; a length estimated from the bitrate is not stated by the file.
    is_estimate = kind.demuxer in ("aac", "asf") or "Estimating duration from bitrate" in messages
    if video is None and not is_estimate and (match := _DURATION.search(messages)):
        stated = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
    title, artist = _TITLE.search(messages), _ARTIST.search(messages)
    return Decoded(
        samples=mono.finish(),
        sample_rate=int(rate[1]) if rate else SAMPLE_RATE,
        format=kind.format,
        is_longer=frame_count > limits.max_seconds * SAMPLE_RATE,
        stated_seconds=stated,
        title=title[1] if title else "",
        artist=artist[1] if artist else "",
    )


def _command(path: str, kind: Kind, limits: DecodeLimits, first_channel_only: bool) -> list[str]:
    """With `file:` and an absolute path, no file name can be taken for an option, a protocol or a list."""
    # By default ffmpeg mixes float stereo to mono at 0.707 each, 3 dB louder than the mean used elsewhere.
    mix = "pan=mono|c0=c0" if first_channel_only else "aresample=ochl=mono:rematrix_maxval=1"
    options = ["-enable_drefs", "0", "-use_absolute_path", "0"] if kind.demuxer == "mov" else []
    byte_order = "le" if np.little_endian else "be"
    return [
        find_ffmpeg(kind.format),
        *["-nostdin", "-hide_banner", "-nostats", "-loglevel", "info", "-threads", "1", "-protocol_whitelist", "file"],
        *("-f", kind.demuxer, *options, "-i", f"file:{path}"),
        *["-vn", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1", "-filter_threads", "1"],
        *("-af", f"{mix},aresample={SAMPLE_RATE}", "-t", f"{min(limits.max_seconds, 1e6) + 1:.3f}"),
        *("-c:a", f"pcm_f32{byte_order}", "-f", f"f32{byte_order}", "pipe:1"),
    ]


def find_ffmpeg(format: str) -> str:
    """The executable that `imageio-ffmpeg` contains, else the one on PATH."""
    path = _bundled() or shutil.which("ffmpeg")
    if path is None:
        raise errors.DecoderMissingError(format=format)
    return path


@functools.cache
def _bundled() -> str | None:
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError, OSError):
        return None


class _Child:
    """A running ffmpeg. A thread collects its stderr, and a timer kills it after `decode_wall_seconds`."""

    def __init__(self, process: subprocess.Popen[bytes], limits: DecodeLimits) -> None:
        if process.stdout is None or process.stderr is None:
            raise ValueError("the child must be started with pipes")
        self.stdout: IO[bytes] = process.stdout
        self.timed_out = False
        self.is_flooded = False
        self._process = process
        self._messages = bytearray()
        self._reader = threading.Thread(target=self._read_messages, args=(process.stderr,), daemon=True)
        self._reader.start()
        self._timer = threading.Timer(limits.decode_wall_seconds, self._time_out)
        self._timer.daemon = True
        self._timer.start()

    def finish(self) -> str:
        """Wait for the end and return what the child wrote to stderr."""
        self._process.wait()
        self._reader.join()
        return self._messages.decode("utf-8", "replace")

    @property
    def used_its_time(self) -> bool:
        """Whether the system ended it at the limit of processor time."""
        return self._process.returncode in (-signal.SIGKILL, -signal.SIGXCPU) and not self.is_flooded

    def close(self) -> None:
        self._timer.cancel()
        self._process.kill()
        self.finish()
        self._timer.join()

    def _read_messages(self, stream: IO[bytes]) -> None:
        while data := stream.read(4096):
            self._messages += data
            if len(self._messages) > _MAX_MESSAGE_BYTES:
                self.is_flooded = True
                self._process.kill()

    def _time_out(self) -> None:
        self.timed_out = True
        self._process.kill()


@contextlib.contextmanager
def _child(command: list[str], limits: DecodeLimits) -> Iterator[_Child]:
    environment = {} if os.name == "posix" else {"SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment) as process:
        try:
            _restrict(process.pid, limits)
            with contextlib.closing(_Child(process, limits)) as child:
                yield child
        finally:
            process.kill()


def _restrict(pid: int, limits: DecodeLimits) -> None:
    try:
        import resource
    except ImportError:
        return
    if not hasattr(resource, "prlimit"):
        return
    seconds = max(1, int(limits.decode_cpu_seconds))
    for kind, value in (
        (resource.RLIMIT_AS, limits.decode_memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_CORE, 0),
    ):
        # The child may be gone already; a container may forbid the call; a lower limit may be in force.
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, kind, (value, value))
