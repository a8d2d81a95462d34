"""Reading with ffmpeg, in a child process on a short lead: M4A, MP4, ADTS, WMA, WebM, Matroska, CAF, rarer Ogg codecs.

The child gets one file by absolute path, one demuxer by name, no network, no playlist, no environment, no
terminal, and limits on memory, time, files and written bytes. The limits are set with `prlimit` right after
the start: a `preexec_fn` would run Python between fork and exec, which may deadlock in a threaded program,
and the few microseconds before they hold are spent in the dynamic loader, not in a decoder. Where the system
has no `prlimit` (macOS, Windows), the wall clock and the options below remain.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from typing import IO

import numpy as np

from ml.audio.decoded import Decoded
from ml.audio.header import read_header
from ml.audio.mono import Mono
from ml.audio.settings import SAMPLE_RATE, DecodeLimits
from ml.audio.sniff import Kind
from ml.audio.source import Source, View
from ml.report import errors

_BLOCK_BYTES = 1 << 18
_REPORT_BYTES = 1 << 20
"""How much of the child's messages is kept; the rest is read and dropped, so that it never waits for us."""

_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_AUDIO = re.compile(r"^  Stream #0:\d+.*?: Audio: (\w+)(.*)$", re.MULTILINE)
_VIDEO = re.compile(r"^  Stream #0:\d+.*?: Video: (?!.*\(attached pic\))", re.MULTILINE)
_RATE = re.compile(r", (\d+) Hz, ")
_ENCRYPTED = re.compile(r"^  Stream #0.*\((?:drms|drmi|enca) /|^\[.*DRM protected stream", re.MULTILINE)
_TITLE = re.compile(r"^    title +: (.*)$", re.MULTILINE | re.IGNORECASE)
_ARTIST = re.compile(r"^    artist +: (.*)$", re.MULTILINE | re.IGNORECASE)


def decode(source: Source, kind: Kind, limits: DecodeLimits, *, first_channel_only: bool = False) -> Decoded:
    """Everything ffmpeg can read of `source`, mixed and resampled by it, up to `limits.max_seconds`."""
    mono = Mono(SAMPLE_RATE, limits.max_seconds)
    heard = 0
    with (
        source.as_path(limits) as path,
        _child(_command(path, kind, limits, first_channel_only), limits) as child,
    ):
        for data in iter(lambda: child.stdout.read(_BLOCK_BYTES), b""):
            block = np.frombuffer(data, np.float32, len(data) // 4)
            mono.add(block[:, np.newaxis])
            heard += len(block)
        report = child.finish()
    if child.timed_out:
        raise errors.DecoderTimeoutError(format=kind.format, seconds=limits.decode_wall_seconds)
    decoded = _predicted(mono, heard, report, kind, limits)
    # ffmpeg keeps what a WMA or a CAF promises to itself where less is there.
    promised = read_header(View(source.file), kind.format).promised_seconds
    decoded.promised_seconds = promised or decoded.promised_seconds
    return decoded


def _predicted(mono: Mono, heard: int, report: str, kind: Kind, limits: DecodeLimits) -> Decoded:
    """Turn what ffmpeg said of the file into facts or a refusal."""
    report = report.partition("\nOutput #0")[0] + report.partition("\nOutput #0")[2][-2000:]
    audio, video = _AUDIO.search(report), _VIDEO.search(report)
    if _ENCRYPTED.search(report):
        raise errors.ProtectedError(format=kind.format)
    if audio is None and not heard:
        if video is not None:
            raise errors.NoSoundError(format=kind.format)
        if "moov atom not found" in report:
            raise errors.IncompleteError(format=kind.format)
        raise errors.CorruptError(format=kind.format)
    rate = _RATE.search(audio[0]) if audio else None
    promised = None
    # A film's length is that of its longest stream, and a guess from the bitrate promises nothing.
    guessed = kind.demuxer in ("aac", "asf") or "Estimating duration from bitrate" in report
    if video is None and not guessed and (match := _DURATION.search(report)):
        promised = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
    title, artist = _TITLE.search(report), _ARTIST.search(report)
    return Decoded(
        samples=mono.finish(),
        sample_rate=int(rate[1]) if rate else SAMPLE_RATE,
        format=kind.format,
        more=heard > limits.max_seconds * SAMPLE_RATE,
        promised_seconds=promised,
        title=title[1] if title else "",
        artist=artist[1] if artist else "",
    )


def _command(path: str, kind: Kind, limits: DecodeLimits, first_channel_only: bool) -> list[str]:
    """`file:` and an absolute path: no name can be taken for an option, a protocol or a list."""
    # Left alone, ffmpeg mixes float stereo to mono at 0.707 each, 3 dB louder than the mean used elsewhere.
    mix = "pan=mono|c0=c0" if first_channel_only else "aresample=ochl=mono:rematrix_maxval=1"
    options = ["-enable_drefs", "0", "-use_absolute_path", "0"] if kind.demuxer == "mov" else []
    return [
        *(
            find_ffmpeg(kind.format),
            "-nostdin",
            "-hide_banner",
            "-nostats",
            "-loglevel",
            "info",
            "-threads",
            "1",
        ),
        *("-protocol_whitelist", "file", "-f", kind.demuxer, *options, "-i", f"file:{path}"),
        *("-vn", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1", "-filter_threads", "1"),
        *("-af", f"{mix},aresample={SAMPLE_RATE}", "-t", f"{min(limits.max_seconds, 1e6) + 1:.3f}"),
        *(
            "-c:a",
            f"pcm_f32{'le' if np.little_endian else 'be'}",
            "-f",
            f"f32{'le' if np.little_endian else 'be'}",
        ),
        "pipe:1",
    ]


def find_ffmpeg(format: str) -> str:
    """The command that `imageio-ffmpeg` carries, else the one on PATH."""
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
    """A running ffmpeg: `stdout` to read from, its messages collected aside, killed when its time is up."""

    def __init__(self, process: subprocess.Popen[bytes], limits: DecodeLimits) -> None:
        if process.stdout is None or process.stderr is None:
            raise ValueError("the child must be started with pipes")
        self.stdout: IO[bytes] = process.stdout
        self.timed_out = False
        self._process = process
        self._report = bytearray()
        self._listener = threading.Thread(target=self._listen, args=(process.stderr,), daemon=True)
        self._listener.start()
        self._clock = threading.Timer(limits.decode_wall_seconds, self._stop)
        self._clock.daemon = True
        self._clock.start()

    def finish(self) -> str:
        """Wait for the end and return what the child said."""
        self._process.wait()
        self._listener.join()
        return self._report.decode("utf-8", "replace")

    def close(self) -> None:
        self._clock.cancel()
        self._process.kill()
        self._process.wait()
        self._listener.join()
        self._clock.join()

    def _listen(self, stream: IO[bytes]) -> None:
        while data := stream.read(4096):
            self._report += data[: _REPORT_BYTES - len(self._report)]

    def _stop(self) -> None:
        self.timed_out = True
        self._process.kill()


@contextlib.contextmanager
def _child(command: list[str], limits: DecodeLimits) -> Iterator[_Child]:
    environment = {} if os.name == "posix" else {"SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        child = None
        try:
            _restrict(process.pid, limits)
            child = _Child(process, limits)
            yield child
        finally:
            if child is not None:
                child.close()
            process.kill()


def _restrict(pid: int, limits: DecodeLimits) -> None:
    try:
        import resource
    except ImportError:
        return
    if not hasattr(resource, "prlimit"):
        return
    seconds = max(1, int(limits.decode_wall_seconds))
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
