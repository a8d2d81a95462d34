"""Lyrics in the tags of every format, and in files beside a song."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mutagen import File
from mutagen.id3 import APIC, ID3, SYLT, TXXX, USLT
from mutagen.mp4 import MP4

from ml.lyrics.written import find_lyrics, read_tags
from ml.report.schema import LyricLine, Lyrics
from tests.ml.audio.conftest import ffmpeg as ffmpeg  # a fixture
from tests.ml.audio.sounds import encode, tone

WORDS = "Walking down the river\nSinging to the moon"
LINES = (LyricLine("Walking down the river"), LyricLine("Singing to the moon"))
TIMED = "[00:00.50]Walking down the river\n[00:02.00]Singing to the moon"
TIMED_LINES = (LyricLine("Walking down the river", 0.5, 2.0), LyricLine("Singing to the moon", 2.0, None))


@pytest.fixture
def song(tmp_path: Path) -> Callable[..., Path]:
    def write(format: str = "MP3", suffix: str = "mp3", **options: Any) -> Path:
        path = tmp_path / f"song.{suffix}"
        path.write_bytes(encode(tone(1.0, 48000), 48000, format, **options))
        return path

    return write


def test_a_song_without_words(song: Callable[..., Path]) -> None:
    assert find_lyrics(song()) is None


@pytest.mark.parametrize("cover_bytes", [0, 600_000])
def test_uslt(song: Callable[..., Path], cover_bytes: int) -> None:
    """Also beside a large cover, and with words longer than a short text frame."""
    path, words = song(), "\n".join(f"line number {number} of the song" for number in range(400))
    tags = ID3()
    if cover_bytes:
        tags.add(APIC(encoding=0, mime="image/png", type=3, desc="", data=bytes(cover_bytes)))
    tags.add(USLT(encoding=3, lang="eng", desc="", text=words))
    tags.save(path)
    lyrics = find_lyrics(path)
    assert lyrics is not None and lyrics.source == "tags"
    assert len(lyrics.lines) == 400 and lyrics.lines[-1].text == "line number 399 of the song"


@pytest.mark.parametrize("version", [3, 4])
def test_sylt_is_preferred_to_plain_text(song: Callable[..., Path], version: int) -> None:
    path, tags = song(), ID3()
    tags.add(USLT(encoding=3, lang="eng", desc="", text=WORDS))
    timed = [("Walking down the river", 500), ("Singing to the moon", 2000)]
    tags.add(SYLT(encoding=3, lang="eng", format=2, type=1, desc="", text=timed))
    tags.save(path, v2_version=version)
    assert find_lyrics(path) == Lyrics("tags", TIMED_LINES)


def test_timed_text_in_uslt(song: Callable[..., Path]) -> None:
    path, tags = song(), ID3()
    tags.add(USLT(encoding=1, lang="eng", desc="", text=TIMED))
    tags.save(path)
    assert read_tags(path) == TIMED_LINES


def test_a_text_frame_named_lyrics(song: Callable[..., Path]) -> None:
    path, tags = song(), ID3()
    tags.add(TXXX(encoding=3, desc="LYRICS", text=WORDS))
    tags.save(path)
    assert read_tags(path) == LINES


def test_old_korean_text(song: Callable[..., Path]) -> None:
    path, tags = song(), ID3()
    tags.add(
        USLT(encoding=0, lang="kor", desc="", text="나는 너를 사랑해 오늘도 내일도".encode("euc_kr").decode("latin-1"))
    )
    tags.save(path)
    assert read_tags(path) == (LyricLine("나는 너를 사랑해 오늘도 내일도"),)


@pytest.mark.parametrize(
    ("format", "suffix", "options"),
    [("FLAC", "flac", {}), ("OGG", "ogg", {"subtype": "VORBIS"}), ("OGG", "opus", {"subtype": "OPUS"})],
)
@pytest.mark.parametrize("key", ["LYRICS", "UNSYNCEDLYRICS", "SYNCEDLYRICS"])
def test_vorbis_comments(song: Callable[..., Path], format: str, suffix: str, options: Any, key: str) -> None:
    path = song(format, suffix, **options)
    tags = File(path)
    tags[key] = TIMED
    tags.save()
    assert read_tags(path) == TIMED_LINES


def test_mp4(tmp_path: Path, ffmpeg: Callable[..., bytes]) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(ffmpeg(tone(1.0), 44100, "m4a", "-c:a", "aac"))
    tags = MP4(path)
    tags["\xa9lyr"] = [WORDS]
    tags.save()
    with path.open("rb") as file:  # an open file works too
        assert read_tags(file) == LINES


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
@pytest.mark.parametrize("name", ["song.lrc", "song.txt", "song.LRC", "song.mp3.lrc"])
def test_a_file_beside_the_song(song: Callable[..., Path], name: str, encoding: str) -> None:
    path = song()
    path.with_name(name).write_bytes("[00:01.00]강가를 걸으며 노래해 우리".encode(encoding))
    assert find_lyrics(path) == Lyrics("file", (LyricLine("강가를 걸으며 노래해 우리", 1.0),))


def test_times_are_preferred_beside_a_song(song: Callable[..., Path]) -> None:
    path = song()
    path.with_suffix(".txt").write_text(TIMED)
    path.with_suffix(".lrc").write_text(WORDS)
    assert find_lyrics(path) == Lyrics("file", TIMED_LINES)


def test_tags_come_before_a_file(song: Callable[..., Path]) -> None:
    path, tags = song(), ID3()
    tags.add(USLT(encoding=3, lang="eng", desc="", text=WORDS))
    tags.save(path)
    path.with_suffix(".lrc").write_text(TIMED)
    assert find_lyrics(path) == Lyrics("tags", LINES)


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, bytes(range(128, 256)) * 40, b"\xff\xfe", b"n/a", b"\x1b]0;x\x07"])
def test_what_is_no_text_is_ignored(song: Callable[..., Path], data: bytes) -> None:
    path = song()
    path.with_suffix(".lrc").write_bytes(data)
    assert find_lyrics(path) is None


def test_links_folders_and_pipes_beside_a_song_are_ignored(song: Callable[..., Path], tmp_path: Path) -> None:
    path = song()
    private = tmp_path / "private"
    private.write_text("a secret that is long enough")
    path.with_suffix(".lrc").symlink_to(private)
    os.mkfifo(path.with_suffix(".txt"))
    path.with_name("song.mp3.lrc").mkdir()
    assert find_lyrics(path) is None


def test_an_uploaded_file_object_has_no_neighbours(song: Callable[..., Path]) -> None:
    path = song()
    path.with_suffix(".lrc").write_text(WORDS)
    with path.open("rb") as file:
        assert find_lyrics(file) is None
