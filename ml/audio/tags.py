"""Title and artist from the tags, else from the file's name, in any script.

Tags and names come from strangers. The result is always one short line of NFC text that can be encoded as UTF-8,
without control characters and without the marks that change the reading direction.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, BinaryIO

from ml.audio import parts
from ml.audio.sniff import skip_tags
from ml.report.cells import readable_name

MAX_LENGTH = 300
"""Characters of a title or an artist."""

UNTITLED = "Untitled"

_READ_LENGTH = 4_000
"""Characters read before cleaning, so that a tag of many megabytes costs nothing."""

_DASH = re.compile(r"(?<!\s)\s+[-\u2013\u2014]\s+")
_EXTENSION = re.compile(r"\.(?=\w*[^\W\d_])[A-Za-z0-9]{1,5}$")
_TRACK_NUMBER = re.compile(r"(?:\d{1,2}-)?\d{1,3}(?:[.)]\s*(?=\D)|\s+[-\u2013\u2014]\s+|-(?=[^\W\d_]))|0\d\s+(?=\S)")
_DIRECTION_MARKS = frozenset(
    "\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
_HANGUL = re.compile("[\uac00-\ud7a3]")

_PARSERS = {
    **dict.fromkeys(("MP3", "AAC", "WAV", "AIFF"), ("id3", "ID3")),
    "FLAC": ("flac", "VCFLACDict"),
    "Ogg Vorbis": ("oggvorbis", "OggVorbis"),
    "Ogg Opus": ("oggopus", "OggOpus"),
    "Ogg FLAC": ("oggflac", "OggFLAC"),
    "MP4": ("mp4", "MP4"),
    "WMA": ("asf", "ASF"),
}
"""Module and class in mutagen, imported at the first use: it takes a while."""

_TEXT_FRAME_BYTES = 4 * _READ_LENGTH
TEXT_FRAMES = dict.fromkeys(("TIT2", "TPE1", "TALB", "TT2", "TP1", "TAL"), _TEXT_FRAME_BYTES)
"""The frames of an ID3 tag that hold title, artist and album, and how many bytes of each are read."""

_TITLE_KEYS = ("TIT2", "title", "\xa9nam", "Title")
_ALBUM_KEYS = ("TALB", "album", "\xa9alb", "WM/AlbumTitle")
_ARTIST_KEYS = ("TPE1", "artist", "\xa9ART", "Author", "WM/AlbumArtist", "aART")


def title_and_artist(
    file: BinaryIO, format: str, name: str, hints: tuple[str, str] = ("", "")
) -> tuple[str, str | None]:
    """(title, artist) of the open `file`; `hints` are the title and artist that its decoder found in the container."""
    title, artist = _read_tags(file, format, _TITLE_KEYS, _ARTIST_KEYS)
    title, artist = title or clean(hints[0]), artist or clean(hints[1])
    if title:
        return title, artist or None
    named_title, named_artist = parse_name(name)
    return named_title, artist or named_artist


def read_album(file: BinaryIO, format: str) -> str:
    """The cleaned album tag, "" where there is none."""
    return _read_tags(file, format, _ALBUM_KEYS)[0]


def _read_tags(file: BinaryIO, format: str, *wanted: tuple[str, ...]) -> list[str]:
    """One cleaned tag for each tuple of possible keys, "" for what is missing. Broken tags count as missing."""
    try:
        tags = open_tags(file, format)
        return [_first(tags, keys) for keys in wanted]
    except Exception:
        return [""] * len(wanted)


def open_tags(file: BinaryIO, format: str, frames: Mapping[str, int] = TEXT_FRAMES) -> Any:
    """The tags as the parser of the detected format reads them; mutagen's own detection would try every parser.

    Of ID3, only these frames are read, each up to so many bytes. Broken tags raise errors of any kind.
    """
    if format not in _PARSERS:
        return {}
    file.seek(0)
    module, kind = _PARSERS[format]
    parser = getattr(importlib.import_module(f"mutagen.{module}"), kind)
    if module == "flac":
        return parser(parts.flac_comment(file, skip_tags(file)[1]), framing=False)
    if module != "id3":
        return parser(parts.BoundedFile(file)).tags
    offset = parts.id3_offset(file, format)
    names = {name.encode() for name, count in frames.items() if count > _TEXT_FRAME_BYTES}
    tag = b"" if offset is None else parts.small_id3(file, offset, names)
    # Without one, mutagen looks for an ID3v1 tag at the end.
    source = io.BytesIO(tag) if tag or offset != 0 else parts.BoundedFile(file)
    return parser(source, known_frames=_id3_frames(frames), translate=False)


def _id3_frames(frames: Mapping[str, int]) -> dict[str, Any]:
    """Only the needed frames, uncompressed: in any other, mutagen would inflate a zlib bomb without limit."""
    from mutagen import id3

    def plain(kind: Any, count: int) -> Any:
        def from_data(cls: Any, header: Any, flags: int, data: bytes) -> Any:
            if flags & (0x0080 if header.version < header._V24 else 0x0008):
                raise NotImplementedError("compressed frame")
            return kind._fromData.__func__(cls, header, flags, data[:count])

        return type(kind.__name__, (kind,), {"_fromData": classmethod(from_data)})

    kinds = {**id3.Frames, **id3.Frames_2_2}
    return {name: plain(kinds[name], count) for name, count in frames.items()}


def _first(tags: Any, keys: tuple[str, ...]) -> str:
    for key in keys:
        try:
            value = tags[key]
        except (KeyError, ValueError, TypeError):
            continue
        value = getattr(value, "text", value)
        if isinstance(value, (list, tuple)):
            value = value[0] if value else ""
        if text := clean(repair_korean(str(value)[:_READ_LENGTH])):
            return text
    return ""


def repair_korean(text: str) -> str:
    """Repair EUC-KR that an old tagger stored as Latin-1, as in most Korean MP3s of the 2000s."""
    try:
        repaired = text.encode("latin-1").decode("euc_kr")
    except UnicodeError:
        return text
    return repaired if _HANGUL.search(repaired) else text


def clean(text: str) -> str:
    """One short line of NFC text, safe to print and to encode."""
    text = text[:_READ_LENGTH]
    if "\ufffd" in text:
        return ""  # A decoder lost bytes here, so the file's name is better.
    safe = "".join(_safe(character) for character in unicodedata.normalize("NFC", text))
    line = " ".join(safe.split())
    return line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1].rstrip() + "\u2026"


def _safe(character: str) -> str:
    if character in _DIRECTION_MARKS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return " " if character.isspace() or character in "\x00\u2028\u2029" else ""
    return character


def parse_name(name: str) -> tuple[str, str | None]:
    """(title, artist) from a file name such as "03. Artist - Title.mp3"."""
    name = readable_name(name)
    if re.match(r"[A-Za-z]:\\", name):
        name = name.rpartition("\\")[2]
    stem = _EXTENSION.sub("", os.path.basename(name))
    if " " not in stem:
        stem = stem.replace("_", " ")
    stem = clean(stem)
    if (match := _TRACK_NUMBER.match(stem)) and match.end() < len(stem):
        stem = stem[match.end() :]
    artist, *rest = _DASH.split(stem, maxsplit=1)
    if rest and artist.strip() and rest[0].strip():
        return rest[0].strip(), artist.strip()
    return stem.strip() or UNTITLED, None
