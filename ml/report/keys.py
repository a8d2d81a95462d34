"""Keys as musicians write them, and their Camelot codes.

A report names a tonic by one of twelve sharps (`C`, `C#`, ... `B`), as schema 1 fixes it. People read each key with
the fewest accidentals.
"""

from __future__ import annotations

TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
MODES = ("major", "minor")
KEYS = tuple((tonic, mode) for mode in MODES for tonic in TONICS)

_SPELLED = {
    "major": ("C", "D♭", "D", "E♭", "E", "F", "F#", "G", "A♭", "A", "B♭", "B"),
    "minor": ("C", "C#", "D", "E♭", "E", "F", "F#", "G", "G#", "A", "B♭", "B"),
}
_CAMELOT_OF_C = {"major": 8, "minor": 5}


def spell_tonic(tonic: str, mode: str) -> str:
    """`D#` in major -> `E♭`. A tonic or mode that is not known comes back as it is."""
    if tonic not in TONICS or mode not in MODES:
        return tonic
    return _SPELLED[mode][TONICS.index(tonic)]


def camelot(tonic: str, mode: str) -> str | None:
    """`C major` -> `8B`: neighbouring numbers are a fifth apart, A is minor and B is major."""
    if tonic not in TONICS or mode not in MODES:
        return None
    fifths = TONICS.index(tonic) * 7 % 12
    number = (_CAMELOT_OF_C[mode] - 1 + fifths) % 12 + 1
    return f"{number}{'B' if mode == 'major' else 'A'}"
