"""Titles and artists from tags and file names, including hostile ones."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen import File
from mutagen.id3 import ID3, TIT2, TPE1

from ml.audio.loading import load
from ml.audio.tags import MAX_LENGTH, clean, parse_name

from .sounds import encode, tone

NAMES = [
    ("아이유 - 밤편지.mp3", "밤편지", "아이유"),
    ("03 - Title.mp3", "Title", None),
    ("03. Artist - Title.flac", "Title", "Artist"),
    ("03 Title.ogg", "Title", None),
    ("1-02 - Title.wav", "Title", None),
    ("12) Title.wav", "Title", None),
    ("Artist_-_Some_Title.mp3", "Some Title", "Artist"),
    ("snake_case_song.mp3", "snake case song", None),
    ("keep_this one.mp3", "keep_this one", None),
    ("99 Luftballons.mp3", "99 Luftballons", None),
    ("1979.mp3", "1979", None),
    ("2.0.mp3", "2.0", None),
    ("Artist - Song - Live.mp3", "Song - Live", "Artist"),
    ("Artist \u2013 Song.mp3", "Song", "Artist"),
    ("Mr. Blue Sky.mp3", "Mr. Blue Sky", None),
    ("Sigur Rós - Ára bátur.mp3", "Ára bátur", "Sigur Rós"),
    ("宇多田ヒカル - 初恋.m4a", "初恋", "宇多田ヒカル"),
    ("فيروز - نسم علينا الهوى.mp3", "نسم علينا الهوى", "فيروز"),
    ("Кино - Группа крови.mp3", "Группа крови", "Кино"),
    ("\u1106\u1161\u11b7.mp3", "\ub9d8", None),
    ("evil\u202egpj.mp3", "evilgpj", None),
    ("line\nbreak\x07.mp3", "line break", None),
    ("C:\\Music\\Artist - Song.mp3", "Song", "Artist"),
    ("/music/AC\u2215DC - Thunder.mp3", "Thunder", "AC\u2215DC"),
    (" - .mp3", "-", None),
    (".mp3", "Untitled", None),
    ("", "Untitled", None),
    ("song", "song", None),
]


@pytest.mark.parametrize(("name", "title", "artist"), NAMES)
def test_names(name: str, title: str, artist: str | None) -> None:
    assert parse_name(name) == (title, artist)


@given(st.text())
def test_any_name_gives_a_title(name: str) -> None:
    for text in parse_name(name):
        if text is not None:
            assert text.strip() == text != ""
            assert len(text.encode("utf-8")) <= 4 * MAX_LENGTH


@given(st.binary(max_size=60))
def test_any_bytes_in_a_name_give_a_title(data: bytes) -> None:
    title, _ = parse_name(data.decode("utf-8", "surrogateescape"))
    assert title.encode("utf-8")


def test_a_korean_name_from_an_old_archive() -> None:
    name = "아이유 - 밤편지.mp3".encode("cp949").decode("utf-8", "surrogateescape")
    assert parse_name(name) == ("밤편지", "아이유")


def test_names_on_disk(tmp_path: Path) -> None:
    data = encode(tone(1.5))
    for name, title, artist in NAMES:
        if name and "/" not in name and "\\" not in name:
            path = tmp_path / name
            path.write_bytes(data)
            audio = load(path)
            assert (audio.title, audio.artist) == (title, artist)
    path = bytes(tmp_path) + b"/\xff\xfe broken.wav"
    with open(path, "wb") as file:
        file.write(data)
    assert "broken" in load(path.decode("utf-8", "surrogateescape")).title


def test_the_name_of_a_file_object(tmp_path: Path) -> None:
    data = encode(tone(1.5))
    path = tmp_path / "Artist - Song.wav"
    path.write_bytes(data)
    with path.open("rb") as file:
        assert load(file).title == "Song"
    assert load(io.BytesIO(data)).title == "Untitled"
    audio = load(path, name="Other - Title.wav")
    assert (audio.title, audio.artist) == ("Title", "Other")


def tagged(data: bytes, title: Any, artist: Any, easy: bool = True) -> bytes:
    file = io.BytesIO(data)
    song = File(file, easy=easy)
    if song.tags is None:
        song.add_tags()
    if easy:
        song["title"], song["artist"] = title, artist
    else:
        song.tags["Title" if "asf" in type(song).__module__ else "TIT2"] = title
        song.tags["Author" if "asf" in type(song).__module__ else "TPE1"] = artist
    file.seek(0)
    song.save(file)
    return file.getvalue()


@pytest.mark.parametrize("format", ["FLAC", "OGG", "OPUS", "MP3", "M4A", "WAV", "AIFF", "WMA", "INFO", "WEBM"])
def test_tags_of_every_format(format: str, ffmpeg: Callable[..., bytes]) -> None:
    title, artist = "밤편지 \u266a", "아이유"
    match format:
        case "WEBM":
            options = ("-metadata", f"title={title}", "-metadata", f"artist={artist}")
            data = ffmpeg(tone(), 44100, "webm", *options)
        case "INFO":
            title, artist = "Night Letter", "IU"
            data = ffmpeg(tone(), 44100, "wav", "-metadata", f"title={title}", "-metadata", f"artist={artist}")
        case "M4A":
            data = tagged(ffmpeg(tone(), 44100, "m4a"), title, artist)
        case "WMA":
            data = tagged(ffmpeg(tone(), 44100, "wma"), title, artist, easy=False)
        case "WAV" | "AIFF":
            data = tagged(encode(tone(), format=format), TIT2(text=title), TPE1(text=artist), easy=False)
        case "OPUS":
            data = tagged(encode(tone(rate=48000), 48000, "OGG", "OPUS"), title, artist)
        case _:
            data = tagged(encode(tone(), format=format), title, artist)
    audio = load(io.BytesIO(data), name="01 - file name.bin")
    assert (audio.title, audio.artist) == (title, artist)


def with_id3(*frames: Any) -> bytes:
    tags = ID3()
    for frame in frames:
        tags.add(frame)
    file = io.BytesIO()
    tags.save(file)
    return file.getvalue() + encode(tone(1.5), format="MP3")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("a\nb\r\n\tc\x00d\x1b[31m", "a b c"),
        ("x" * 1_000_000, "x" * (MAX_LENGTH - 1) + "\u2026"),
        ("\u202eevil", "evil"),
        ("e\u0301", "\u00e9"),
        ("   ", "name"),
        ("", "name"),
        ("{0.__class__}%s<script>", "{0.__class__}%s<script>"),
        ("¾ÆÀÌÀ¯", "아이유"),
        ("Beyoncé Björk Motörhead", "Beyoncé Björk Motörhead"),
    ],
)
def test_hostile_tags(text: str, title: str) -> None:
    audio = load(io.BytesIO(with_id3(TIT2(text=text))), name="name.mp3")
    assert audio.title.startswith(title) if "\x1b" in text else audio.title == title


def test_several_values_and_a_missing_title() -> None:
    assert load(io.BytesIO(with_id3(TIT2(text=["One", "Two"])))).title == "One"
    audio = load(io.BytesIO(with_id3(TPE1(text="Singer"))), name="Other - Song.mp3")
    assert (audio.title, audio.artist) == ("Song", "Singer")


@pytest.mark.parametrize("length", [10_000, 10_000_000, 50_000_000])
def test_a_tag_that_inflates_without_limit_is_not_read(length: int) -> None:
    """Compressed, ten million letters are less than what is read of a tag."""
    bomb = zlib.compress(b"\x03" + b"A" * length)
    frame = b"TIT2" + len(bomb).to_bytes(4, "big") + b"\x00\x80" + (length + 1).to_bytes(4, "big") + bomb
    frame = frame[:4] + (len(frame) - 10).to_bytes(4, "big") + frame[8:]
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    data = b"ID3\x03\x00\x00" + size + frame + encode(tone(1.5), format="MP3")
    assert load(io.BytesIO(data), name="name.mp3").title == "name"


def test_a_broken_tag_does_not_refuse_the_file() -> None:
    data = with_id3(TIT2(text="A title"), TPE1(text="Singer"))
    at = data.index(b"TIT2")
    for broken in (b"\x7f\x7f\x7f\x7f", b"\xff\xff\xff\xff"):
        audio = load(io.BytesIO(data[: at + 4] + broken + data[at + 8 :]), name="name.mp3")
        assert audio.title in ("name", "A title")


@given(st.text())
def test_cleaned_text_is_one_short_line(text: str) -> None:
    line = clean(text)
    assert len(line) <= MAX_LENGTH and len(line.splitlines()) <= 1
    assert line.encode("utf-8").decode() == line == clean(line)
