"""What a text file is that was given instead of audio: a playlist, a web page, a drawing, or plain text."""

from __future__ import annotations

import re

from ml.report import errors

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""Control characters that never occur in text."""
_CUE_TRACK = re.compile(r"track \d+ audio")
_ADDRESSES = ("http://", "https://")
_SUFFIXES = tuple(
    f".{suffix}"
    for suffix in ("mp3", "flac", "ogg", "opus", "wav", "m4a", "aac", "wma", "aif", "aiff", "m3u", "m3u8", "ts")
)


def identify_text(head: bytes) -> tuple[str, type[errors.AudioError]] | None:
    """Its format and the error that refuses it; None if the first bytes of the file are no text."""
    text = _decode(head)
    if text is None:
        return None
    start = text.lstrip("\ufeff \t\r\n").lower()
    if name := _playlist(start):
        return name, errors.PlaylistError
    if start.startswith(("<!doctype html", "<html")):
        return "HTML", errors.WebPageError
    if "<svg" in start[:1000]:
        return "SVG", errors.PictureError
    return "text", errors.TextError


def _playlist(start: str) -> str | None:
    if start.startswith("#extm3u") or "#ext-x-" in start:
        return "HLS" if "#ext-x-" in start else "M3U"
    for mark, name in (("[playlist]", "PLS"), ("ffconcat", "ffconcat")):
        if start.startswith(mark):
            return name
    for mark, name in (("xspf.org/ns", "XSPF"), ("<asx", "ASX"), ("<?wpl", "WPL")):
        if mark in start[:1000]:
            return name
    lines = [line for line in map(str.strip, start.splitlines()) if line]
    if any(map(_CUE_TRACK.match, lines)):
        return "CUE"
    songs = [line for line in lines if not line.startswith("#")]
    # The last line may be cut off.
    return "M3U" if songs and all(map(_names_a_song, songs[:-1] or songs)) else None


def _names_a_song(line: str) -> bool:
    return line.endswith(_SUFFIXES) or (line.startswith(_ADDRESSES) and len(line.split()) == 1)


def _decode(head: bytes) -> str | None:
    """The head as text in any common encoding; None if it is no text."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "replace")
    if not head or _CONTROL.search(head):
        return None
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 3:
            return head[: error.start].decode("utf-8")
    text = head.decode("cp949", "replace")
    return text if text.count("\ufffd") * 50 < len(text) else None
