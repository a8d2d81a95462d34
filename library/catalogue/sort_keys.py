"""Values that tracks are sorted and searched by: folded text, and numbers that put the unknown last."""

from __future__ import annotations

import unicodedata

from ml.report.keys import MODES, TONICS

LAST_TEXT = "\U0010ffff"
LAST_NUMBER = 1e9
"""Unknown values sort after every known one."""
SORT_LENGTH = 120
_IGNORED_CATEGORIES = ("Mn", "Cc", "Cf", "Cs", "Cn")


def fold(text: str) -> str:
    """Text for comparison: without case, accents and control characters, in one Unicode normal form."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    visible = "".join(
        letter for letter in decomposed if letter.isspace() or unicodedata.category(letter) not in _IGNORED_CATEGORIES
    )
    return " ".join(unicodedata.normalize("NFC", visible).split())


def key_number(tonic: str | None, mode: str | None) -> int:
    """Semitones up from C, minor keys after major ones, and unknown keys last."""
    if tonic not in TONICS or mode not in MODES:
        return len(TONICS) * len(MODES)
    return TONICS.index(tonic) + len(TONICS) * MODES.index(mode)
