"""Lyrics that people wrote: in the file's tags, or in a text file of the same name beside it."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ml.audio.parts import MAX_LONG_FRAME_BYTES
from ml.audio.settings import DEFAULT_LIMITS
from ml.audio.sniff import sniff
from ml.audio.source import open_source
from ml.audio.tags import open_tags, repair_korean
from ml.lyrics.lrc import parse_lines, timed_lines
from ml.report.schema import LyricLine, Lyrics

SUFFIXES = (".lrc", ".txt")
MAX_FILE_BYTES = 1_000_000
MIN_LETTERS = 10
"""Less is no lyrics but a remark, such as "n/a"."""

_FRAMES = dict.fromkeys(("USLT", "SYLT", "ULT", "SLT", "TXXX", "TXX"), MAX_LONG_FRAME_BYTES)
_MILLISECONDS = 2
"""The unit of the times in a SYLT frame. The other one, MPEG frames, is hardly used."""
_TEXT_KEYS = ("syncedlyrics", "lyrics", "unsyncedlyrics", "\xa9lyr", "WM/Lyrics", "WM/Lyrics_Synchronised")
_TEXT_FRAME_KEYS = ("TXXX:SYNCEDLYRICS", "TXXX:LYRICS", "TXXX:UNSYNCEDLYRICS")


def find_lyrics(source: str | os.PathLike[str] | BinaryIO) -> Lyrics | None:
    """The lyrics in the tags of a song, or beside it if it is given as a path; None where there are none."""
    if lines := read_tags(source):
        return Lyrics("tags", lines)
    if isinstance(source, (str, os.PathLike)) and (lines := read_beside(Path(source))):
        return Lyrics("file", lines)
    return None


def read_tags(source: str | os.PathLike[str] | BinaryIO) -> tuple[LyricLine, ...]:
    """The lyrics in the tags. Lines with times are preferred. Broken tags count as none."""
    try:
        with open_source(source, None, DEFAULT_LIMITS) as opened:
            tags = open_tags(opened.file, sniff(opened.file).format, _FRAMES)
            return _best(_in_tags(tags if tags is not None else {}))
    except Exception:
        return ()


def read_beside(song: Path) -> tuple[LyricLine, ...]:
    """The lyrics in a file beside the song that has its name, but ends in .lrc or .txt."""
    return _best(_in_files(song))


def _best(candidates: Iterator[tuple[LyricLine, ...]]) -> tuple[LyricLine, ...]:
    found = [lines for lines in candidates if sum(len(line.text) for line in lines) >= MIN_LETTERS]
    timed = [lines for lines in found if lines[0].start is not None]
    return next(iter(timed or found), ())


def _in_tags(tags: Any) -> Iterator[tuple[LyricLine, ...]]:
    if hasattr(tags, "getall"):  # ID3
        for frame in [*tags.getall("SYLT"), *tags.getall("SLT")]:
            if frame.format == _MILLISECONDS:
                yield timed_lines(sorted(((time / 1000, text) for text, time in frame.text), key=lambda pair: pair[0]))
        texts = [str(frame.text) for name in ("USLT", "ULT") for frame in tags.getall(name)]
        texts += [str(tags[key].text[0]) for key in _TEXT_FRAME_KEYS if key in tags and tags[key].text]
    else:
        texts = [str(value) for key in _TEXT_KEYS for value in _values(tags, key)]
    for text in texts:
        yield parse_lines(repair_korean(text[:MAX_LONG_FRAME_BYTES]))


def _values(tags: Any, key: str) -> list[Any]:
    try:
        value = tags[key]
    except (KeyError, ValueError, TypeError):
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _in_files(song: Path) -> Iterator[tuple[LyricLine, ...]]:
    for suffix in SUFFIXES:
        for path in (song.with_suffix(suffix), song.with_suffix(suffix.upper()), song.with_name(song.name + suffix)):
            try:
                data = _read(path)
            except OSError:
                continue
            if text := decode(data):
                yield parse_lines(text)
                break


def _read(path: Path) -> bytes:
    """The beginning of a file. A link may lead to a private file, and a pipe never ends: both count as empty."""
    if path.is_symlink() or not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES)


def decode(data: bytes) -> str:
    """The text in UTF-8, UTF-16 with its mark or CP949; empty if it is none of them or no text."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp949", "replace")
    return "" if "\0" in text or text.count("\ufffd") * 50 > len(text) else text
