"""Text as a terminal shows it: what is safe to print, and how many columns (cells) it takes.

Titles, tags and file names come from strangers. An escape sequence among them could recolour, retitle or
rewrite the reader's terminal, so control characters never get out; and Korean or Chinese letters are two
columns wide, so `len` cannot lay out a line.
"""

from __future__ import annotations

import re
import unicodedata

# Escapes and other controls, and the marks that reorder text (bidirectional overrides and isolates).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_HALVES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text on one line, without what a terminal would obey. In NFC, as macOS takes Hangul apart."""
    visible = _HALVES.sub("\N{REPLACEMENT CHARACTER}", _UNSAFE.sub(" ", text))
    return unicodedata.normalize("NFC", visible).strip()


def columns(text: str) -> int:
    return sum(_columns_of(letter) for letter in text)


def _columns_of(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def fit(text: str, width: int) -> str:
    """The text cut to `width` columns, with an ellipsis where something is missing."""
    if columns(text) <= width:
        return text
    kept = ""
    for letter in text:
        if columns(kept + letter) > width - 1:
            break
        kept += letter
    return kept + "…" if width > 0 else ""


def pad(text: str, width: int) -> str:
    """The text cut or filled with spaces to exactly `width` columns."""
    short = fit(text, width)
    return short + " " * (width - columns(short))


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns, broken at spaces; a longer word is cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if columns(longer) <= width:
            lines[-1] = longer
        elif lines[-1]:
            lines.append(fit(word, width))
        else:
            lines[-1] = fit(word, width)
    return lines
