"""Keys are spelled as musicians write them and have the right Camelot code."""

from __future__ import annotations

import pytest

from ml.report.keys import KEYS, camelot, spell_tonic


@pytest.mark.parametrize(
    ("tonic", "mode", "spelled", "code"),
    [
        ("C", "major", "C", "8B"),
        ("D#", "major", "E♭", "5B"),
        ("A#", "minor", "B♭", "3A"),
        ("F#", "minor", "F#", "11A"),
        ("B", "major", "B", "1B"),
        ("G#", "minor", "G#", "1A"),
        ("A", "minor", "A", "8A"),
        ("E", "major", "E", "12B"),
    ],
)
def test_known_keys(tonic: str, mode: str, spelled: str, code: str) -> None:
    assert spell_tonic(tonic, mode) == spelled
    assert camelot(tonic, mode) == code


def test_every_key_has_a_code_of_its_own() -> None:
    assert len({camelot(*key) for key in KEYS}) == len(KEYS)
    assert len({(spell_tonic(*key), key[1]) for key in KEYS}) == len(KEYS)


def test_an_unknown_key_stays_as_it_is() -> None:
    assert spell_tonic("H", "dur") == "H" and camelot("H", "major") is None and camelot("C", "dorian") is None
