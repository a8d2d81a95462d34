"""Text and keys are compared in one form."""

from __future__ import annotations

import pytest

from library.catalogue.sort_keys import fold, key_number


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  Édith\tPIAF ", "edith piaf"),
        ("\u1112\u1161\u11ab글", "한글"),
        ("ＳＯＲＩ\u202e", "sori"),
        ("Straße\0", "strasse"),
    ],
)
def test_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_keys_are_numbered_in_the_order_of_the_keyboard() -> None:
    assert [key_number(*key) for key in (("C", "major"), ("B", "major"), ("C", "minor"))] == [0, 11, 12]
    assert key_number(None, "minor") == key_number("H", "major") > key_number("B", "minor")
