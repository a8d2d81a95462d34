"""Each kind of bait is reached when the guards against it are removed: bait that stays untouched proves the guards."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml.audio import ffmpeg
from ml.audio.loading import load
from ml.audio.settings import DecodeLimits
from ml.audio.sniff import Kind
from ml.report.errors import AudioError
from tests.hostile.case import Bait
from tests.hostile.foreign_formats import LISTS
from tests.hostile.references import alias, box, refer_to
from tests.hostile.side_effects import watched_bait
from tests.hostile.valid_files import valid_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches the canary with inotify")
MP4 = Kind("MP4", "ffmpeg", demuxer="mov")

GUARDS: dict[str, tuple[str, str | None]] = {
    "demuxer": ("-f", None),
    "protocols": ("-protocol_whitelist", "file,http,tcp,crypto,data,concat,subfile,cache,async"),
    "references": ("-enable_drefs", "1"),
    "absolute": ("-use_absolute_path", "1"),
}
"""Options of ffmpeg, and what stands in their place when a guard is removed; None: the option is left out."""


@dataclass(frozen=True)
class Lure:
    """A file that leads to the bait, and the guards against it: each of them alone protects."""

    make: Callable[[Bait, bytes], bytes]
    guards: tuple[str, ...]


def playlist(kind: str, target: Callable[[Bait], str]) -> Callable[[Bait, bytes], bytes]:
    return lambda bait, _m4a: LISTS[kind].format(target(bait)).encode()


def url(bait: Bait) -> str:
    return bait.url


def path(bait: Bait) -> str:
    return str(bait.canary)


def name(bait: Bait) -> str:
    return bait.canary.name


LURES = {
    "alias of a file beside": Lure(
        lambda bait, m4a: refer_to(m4a, alias(f"/any/{bait.canary.name}", levels=1)), ("references",)
    ),
    "alias of a path": Lure(
        lambda bait, m4a: refer_to(m4a, alias(str(bait.canary), levels=0)), ("references", "absolute")
    ),
    **{f"{kind} of a path": Lure(playlist(kind, path), ("demuxer",)) for kind in ("hls", "hls-key", "hls-map")},
    **{
        f"{kind} of an address": Lure(playlist(kind, url), ("demuxer", "protocols"))
        for kind in ("hls", "hls-key", "hls-map", "dash")
    },
    "list of a file beside": Lure(playlist("concat", name), ("demuxer",)),
}

UNREACHED: dict[str, Callable[[Bait, bytes], bytes]] = {
    "url": lambda bait, m4a: refer_to(m4a, box(b"url ", bytes(4), bait.url.encode() + b"\0")),
    "url of a path": lambda bait, m4a: refer_to(m4a, box(b"url ", bytes(4), b"file://" + bytes(bait.canary) + b"\0")),
    "alias of an address": lambda bait, m4a: refer_to(m4a, alias(bait.url, levels=0)),
    "movie": lambda bait, _: box(
        b"moov",
        box(
            b"rmra", box(b"rmda", box(b"rdrf", bytes(4), b"url ", len(bait.url).to_bytes(4, "big"), bait.url.encode()))
        ),
    ),
    **{kind: playlist(kind, url) for kind in ("m3u", "pls", "xspf", "asx", "cue", "smil", "concat")},
}
"""What this ffmpeg follows in no case: it ignores references by URL, and needs `-safe 0` for paths in a list."""


@pytest.fixture(scope="module")
def m4a() -> bytes:
    return dict(valid_files(("m4a",)))["m4a"]


def reached(folder: Path, data: Callable[[Bait], bytes], removed: tuple[str, ...]) -> bool:
    """Whether the product's own command reaches the bait when these guards are removed from it."""
    folder.mkdir()
    with watched_bait(folder) as log:
        song = folder / "song.m3u8"
        song.write_bytes(data(log.bait))
        command = ffmpeg._command(str(song), MP4, DecodeLimits(), False)
        for guard in removed:
            option, value = GUARDS[guard]
            at = command.index(option)
            command[at : at + 2] = [] if value is None else [option, value]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        assert b"Unrecognized option" not in done.stderr, done.stderr
    return bool(log.canary_reads or log.connections)


@pytest.mark.parametrize("lure", LURES)
def test_bait_is_reached_without_the_guards_and_only_then(tmp_path: Path, m4a: bytes, lure: str) -> None:
    make, guards = LURES[lure].make, LURES[lure].guards
    for count in range(len(guards) + 1):
        for removed in itertools.combinations(guards, count):
            touched = reached(tmp_path / f"without-{'-'.join(removed)}", lambda bait: make(bait, m4a), removed)
            assert touched == (removed == guards), removed


@pytest.mark.parametrize("lure", [*LURES, *UNREACHED])
def test_bait_is_not_reached_by_the_product(tmp_path: Path, m4a: bytes, lure: str) -> None:
    with watched_bait(tmp_path) as log:
        song = tmp_path / "song.m3u8"
        song.write_bytes((LURES[lure].make if lure in LURES else UNREACHED[lure])(log.bait, m4a))
        with suppress(AudioError):  # an MP4 whose reference ffmpeg ignores is decoded from its own bytes
            load(song)
    assert (log.canary_reads, log.connections) == ([], [])


@pytest.mark.parametrize("lure", UNREACHED)
def test_what_ffmpeg_does_not_follow(tmp_path: Path, m4a: bytes, lure: str) -> None:
    """When this fails, ffmpeg has learnt to follow it: then it belongs to `LURES`."""
    is_mp4 = UNREACHED[lure](Bait("http://a", tmp_path), m4a)[4:8] in (b"ftyp", b"moov")
    guards = ("references", "absolute", "protocols", *(() if is_mp4 else ("demuxer",)))
    assert not reached(tmp_path / "open", lambda bait: UNREACHED[lure](bait, m4a), guards)
