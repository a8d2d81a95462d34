"""Text as a terminal shows it: file names as text, what is safe to print, and how many columns it takes.

Titles, tags and file names come from strangers. An escape sequence in them could recolour, retitle or rewrite the
terminal, so control characters are removed. Korean and Chinese letters are two columns wide, so `len` cannot lay out
a line.
"""

from __future__ import annotations

import os
import re
import unicodedata

import wcwidth

UNSAFE = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
"""Escapes and other controls, and marks that reorder text (bidirectional overrides and isolates), for `re`."""

SURROGATES = "\ud800-\udfff"
"""Halves of a character that cannot be encoded, from file names that are not UTF-8."""


def clean(text: str) -> str:
    """The text on one line, without control characters. In NFC, because macOS stores Hangul decomposed."""
    visible = re.sub(f"[{SURROGATES}]", "\N{REPLACEMENT CHARACTER}", re.sub(f"[{UNSAFE}]+", " ", text))
    return unicodedata.normalize("NFC", visible).strip()


def readable_path(path: str | os.PathLike[str]) -> str:
    """A path as text; each part has an encoding of its own."""
    return "/".join(map(readable_name, os.fspath(path).split("/")))


def readable_name(name: str) -> str:
    """A file name as text. Bytes that are not UTF-8 are read as Korean; what is neither becomes "?"."""
    try:
        data = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = name.encode("utf-8", "replace")
    for encoding in ("utf-8", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace").replace("\ufffd", "?")


def columns(text: str) -> int:
    return wcwidth.width(text, control_codes="ignore")


def fit(text: str, width: int) -> str:
    """The text cut to `width` columns, with an ellipsis in place of what is missing."""
    if columns(text) <= width:
        return text
    return wcwidth.clip(text, 0, width - 1, control_codes="ignore").rstrip() + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """The text cut or filled with spaces to exactly `width` columns."""
    return wcwidth.ljust(fit(text, width), width, control_codes="ignore")


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, broken at spaces; a longer word is broken too."""
    return wcwidth.wrap(text, width, control_codes="ignore", break_on_hyphens=False) or [""]
