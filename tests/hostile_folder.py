"""A folder of everything that has ever stopped a music scanner, each file with the cause that has to be found for it.

`build` writes it; `TroubledPipeline` is the real pipeline, with files that change, vanish or crash its process.
"""

from __future__ import annotations

import gzip
import io
import os
import signal
import socket
import struct
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jobs.attempt import load_pipeline
from ml.audio.ffmpeg import find_ffmpeg
from ml.pipeline import SongAnalysis
from tests.ml.audio.sounds import encode, tone

LONGEST_NAME = 255
Case = tuple[str, bytes]
"""The cause, and what is in the file."""


@dataclass(frozen=True)
class Hostile:
    """`good` files have to be in the library, `bad` ones in the failure log with this code."""

    good: frozenset[bytes]
    bad: dict[bytes, str]


def build(folder: Path) -> Hostile:
    folder.mkdir(parents=True)
    good = set(_write_good(folder))
    bad: dict[bytes, str] = {}
    for number, (suffix, (code, data)) in enumerate(_contents(folder)):
        path = folder / f"{number:02} {code}.{suffix}"
        path.write_bytes(data)
        bad[os.fsencode(path)] = code
    for path, code in _places(folder):
        bad[os.fsencode(path)] = code
    return Hostile(frozenset(good), bad)


NAMES = (
    *("노래.wav", "노래".encode() + b".wav", "أغنية.wav", "שיר.wav", "เพลง.wav", "गीत.wav", "歌曲.wav", "песня.wav"),
    *("🎵👩‍👩‍👧.wav", "a\u0301\u0323 combining.wav", "\u202egnp.wav", "\u2028line.wav", "UPPER.WAV"),
    *(b"\xff\xfe broken.wav", b"\xb3\xeb\xb7\xa1 cp949.wav", b"\xed\xa0\x80 half.wav", b"latin \xe9.wav"),
    *(b"\x1b[31mred\x1b]0;title\x07.wav", b"line\nbreak\r\t.wav", b"bell\x07 \x7f\x01.wav", "\x9b31m C1.wav"),
    *(b"-rf.wav", b" spaces .wav", b"{0.__class__} %s %n.wav", b"$(reboot) `reboot`;|&.wav", b"'\"\\.wav"),
    *(b"x" * (LONGEST_NAME - 4) + b".wav", ("긴" * 83).encode() + b".wav", b"a..wav", b"con.wav", b"*?.wav"),
)


def _write_good(folder: Path) -> Iterator[bytes]:
    """Songs under every kind of name, in folders that look like files, behind links, and with odd times."""
    names = dict.fromkeys(name if isinstance(name, bytes) else name.encode() for name in NAMES)
    deep = folder / "folder.mp3" / os.fsdecode(b"\xff\x1b[2J") / "깊은"
    deep.mkdir(parents=True)
    (folder / "loop").symlink_to(folder)
    (deep / "up.wav").symlink_to("../..")
    (folder / "link.wav").symlink_to(deep / "song.wav")
    paths = [os.fsencode(folder) + b"/" + name for name in names]
    paths += [os.fsencode(deep / "song.wav"), os.fsencode(folder / "old.wav"), os.fsencode(folder / "new.wav")]
    for number, path in enumerate(paths):
        Path(os.fsdecode(path)).write_bytes(encode(tone(1.2, 8000, 200 + 20 * number), 8000))
        yield path
    os.utime(folder / "old.wav", (-1e9, -1e9))
    os.utime(folder / "new.wav", (1e11, 1e11))
    yield os.fsencode(folder / "link.wav")
    streamed = bytearray(encode(tone(1.5, 8000, 1500), 8000))
    streamed[4:8] = streamed[40:44] = b"\xff" * 4  # as ffmpeg writes it into a pipe: not known, not a lie
    (folder / "streamed.wav").write_bytes(streamed)
    yield os.fsencode(folder / "streamed.wav")


def _contents(folder: Path) -> Iterator[tuple[str, Case]]:
    yield from _other_formats()
    yield from _cut(folder)
    yield from _lies()
    data = encode(tone(), 44100)
    yield "wav", ("too_short", encode(tone(1 / 44100)))
    yield "mp3", ("too_short", encode(tone(0.2), format="MP3"))
    yield "wav", ("silent", encode(tone() * 0))
    yield "wav", ("not_finite", encode(np.full(90_000, np.nan, np.float32), subtype="FLOAT"))
    yield "wav", ("truncated", data[:44])
    drm = _convert(folder, data, "m4a").replace(b"mp4a", b"drms")
    yield "m4a", ("protected", drm)
    film = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=2", "-map", "1", "-c:v", "mpeg4")
    yield "mp4", ("no_sound", _convert(folder, data, "mp4", *film))


def _other_formats() -> Iterator[tuple[str, Case]]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("song.mp3", encode(tone(), format="MP3"))
    contents_by_code = {
        "text": (b"renamed text\n" * 90, "\x1b[31m가사\n".encode() * 30, "lyrics\n".encode("utf-16")),
        "web_page": (b"<!DOCTYPE html><html><body>404</body></html>",),
        "playlist": (b"#EXTM3U\n#EXTINF:3,Song\n/etc/passwd\n", b"#EXTM3U\n#EXT-X-VERSION:3\nhttp://127.0.0.1/a.ts\n"),
        "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100)),
        "archive": (archive.getvalue(), gzip.compress(b"song" * 99)),
        "document": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",),
        "program": (b"\x7fELF\x02\x01\x01" + bytes(40), b"MZ" + bytes(200)),
        "midi": (b"MThd\0\0\0\x06\0\x01\0\x02\x01\xe0",),
        "video": (b"RIFF\x24\0\0\0AVI LIST" + bytes(40),),
        "unsupported": (b"MAC \x96\x0f" + bytes(40),),
        "unknown_format": (bytes(5000), bytes(range(256)) * 20),
        "empty": (b"",),
    }
    for code, contents in contents_by_code.items():
        for data in contents:
            yield "mp3", (code, data)
    yield "flac", ("empty", b"")
    yield "wav", ("text", b"\n")


def _cut(folder: Path) -> Iterator[tuple[str, Case]]:
    """Half a file of each format: where the beginning says how long it is, what is missing is told in seconds."""
    sound = tone(20.0)
    for suffix in ("wav", "aiff", "au", "flac", "mp3"):
        data = encode(sound, format=suffix.upper())
        yield suffix, ("truncated", data[: len(data) // 2])
    yield "wav", ("truncated", (rf64 := encode(sound, format="RF64"))[: len(rf64) // 2])
    source = encode(sound)
    for suffix, options in (("m4a", ("-movflags", "+faststart")), ("wma", ()), ("webm", ()), ("caf", ())):
        yield suffix, ("truncated", (data := _convert(folder, source, suffix, *options))[: len(data) // 2])
    for suffix in ("m4a", "ogg", "opus"):
        yield suffix, ("incomplete", (data := _convert(folder, source, suffix))[: len(data) // 2])


def _lies() -> Iterator[tuple[str, Case]]:
    """Headers that promise hours, gigabytes, or rates that no machine ever had."""
    hours = bytearray(encode(tone(2.0)))
    hours[40:44] = struct.pack("<I", 0x70000000)
    yield "wav", ("truncated", bytes(hours))
    flac = bytearray(encode(tone(2.0), format="FLAC"))
    flac[21:26] = bytes([flac[21] | 0x0F]) + b"\xff" * 4
    yield "flac", ("truncated", bytes(flac))
    for rate in (0, 1, 0xFFFFFFFF):
        data = bytearray(encode(tone()))
        data[24:28] = struct.pack("<I", rate)
        yield "wav", ("sample_rate", bytes(data))
    yield "wav", ("channels", encode(np.zeros((8000, 64), np.float32), 8000))
    yield "wav", ("corrupt", b"RIFF\xff\xff\xff\xffWAVEjunk\xf0\xff\xff\xff" + bytes(400))
    flac = bytearray(encode(tone(2.0), format="FLAC"))
    flac[5:8] = b"\xff" * 3
    yield "flac", ("corrupt", bytes(flac))
    brand = struct.pack(">I", 24) + b"ftypM4A " + bytes(12)
    yield "m4a", ("incomplete", brand + b"\0\0\0\1mdat" + b"\x7f" * 8 + bytes(99))
    yield "webm", ("corrupt", b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xffwebm" + bytes(90))
    yield "mp3", ("corrupt", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(4000))
    yield ("ogg", ("incomplete", b"OggS\0\x02" + b"\xff" * 20 + b"\xff" + b"\xff" * 255 + b"\x01vorbis" + bytes(90)))


def _convert(folder: Path, data: bytes, suffix: str, *options: str) -> bytes:
    source, target = folder / ".source", folder / f".target.{suffix}"
    source.write_bytes(data)
    command = [find_ffmpeg("test"), "-nostdin", "-v", "error", "-y", "-i", source, *options, target]
    subprocess.run(command, check=True)
    converted = target.read_bytes()
    source.unlink(), target.unlink()
    return converted


def _places(folder: Path) -> Iterator[tuple[Path, str]]:
    """What is no file, or cannot be reached, or does not stay as it is."""
    links = {"nowhere.ogg": "gone.ogg", "itself.ogg": "itself.ogg", "zero.wav": "/dev/zero", "full.wav": "/dev/full"}
    codes = {"nowhere.ogg": "not_found", "itself.ogg": "read_failed"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
        yield folder / name, codes.get(name, "not_a_file")
    (folder / "memory.wav").symlink_to("/proc/self/mem")  # a file by its status, of which no byte can be read
    yield folder / "memory.wav", "read_failed"
    os.mkfifo(folder / "pipe.wav")
    yield folder / "pipe.wav", "not_a_file"
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket may have no more than a hundred bytes
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("socket.wav")
        yield folder / "socket.wav", "not_a_file"
        yield folder.joinpath(*_deep_folders()), "read_failed"
    finally:
        os.chdir(here)
    (folder / "closed.wav").write_bytes(encode(tone()))
    (folder / "closed.wav").chmod(0)
    yield folder / "closed.wav", "denied"
    (folder / "closed").mkdir()
    (folder / "closed/song.wav").write_bytes(encode(tone()))
    (folder / "closed").chmod(0)
    yield folder / "closed", "denied"
    for name, code in {**dict.fromkeys(TroubledPipeline.CODES, ""), **TroubledPipeline.CODES}.items():
        (folder / f"{name}.wav").write_bytes(encode(tone(2.0, hz=3000 + 10 * len(name))))
        yield folder / f"{name}.wav", code


def _deep_folders() -> list[str]:
    """Folders in folders until their path is longer than the system takes; the first that cannot be opened."""
    depth = 4096 // LONGEST_NAME + 2
    place = os.open(".", os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 250, dir_fd=place)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    above = len(os.fsencode(Path.cwd()))
    return ["d" * 250] * next(n for n in range(1, depth + 1) if above + 251 * n >= 4096)


class TroubledPipeline:
    """The real pipeline; the name of a file says what happens to it during its analysis."""

    CODES = {  # noqa: RUF012 - never changed
        "vanishes": "not_found",
        "grows": "changing",
        "shrinks": "changing",
        "crashes": "crashed",
        "trips": "internal",
    }

    def __init__(self) -> None:
        self._pipeline = load_pipeline()

    def run(self, source: Path, **options: Any) -> SongAnalysis:
        trouble: Callable[[Path], None] | None = getattr(self, f"_{source.stem}", None)
        if trouble is not None and source.stem in self.CODES:
            trouble(source)
        return self._pipeline.run(source, **options)

    def _vanishes(self, source: Path) -> None:
        source.unlink()

    def _grows(self, source: Path) -> None:
        with source.open("ab") as file:
            file.write(bytes(1000))

    def _shrinks(self, source: Path) -> None:
        os.truncate(source, source.stat().st_size - 1000)

    def _crashes(self, source: Path) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def _trips(self, source: Path) -> None:
        raise ZeroDivisionError("a bug\x1b[31m")
