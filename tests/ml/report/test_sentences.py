"""The sentences about a report: the answer, the key, and why a track is similar."""

from __future__ import annotations

import pytest

from ml.report.schema import Key, Why
from ml.report.sentences import answer, display_name, key_text, label_name, reasons
from ml.report.translation import ENGLISH, Translator
from tests.fakes import a_report

KOREAN = Translator("ko")


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ((0.05, 0.05, 0.9), "Sounds like reggae (90%)."),
        ((0.05, 0.35, 0.6), "Sounds like reggae (60%), with some hip-hop."),
        ((0.25, 0.3, 0.45), "Sounds like reggae (45%), with some hip-hop and blues."),
    ],
)
def test_the_answer_names_likely_genres(shares: tuple[float, ...], sentence: str) -> None:
    assert answer(a_report(shares=shares)) == sentence


def test_an_unsure_answer_says_so_and_counts_the_labels() -> None:
    unsure = a_report(confident=False)
    assert answer(unsure) == "Sounds like none of the 3 genres; the nearest is reggae (62%)."
    assert answer(unsure, KOREAN).startswith("3개 장르 중 어느 것과도 닮지 않았어요.")


def test_labels_have_names() -> None:
    assert display_name("hiphop") == "hip-hop" and display_name("trot") == "trot"
    assert label_name("hiphop", ENGLISH) == "hip-hop" and label_name("hiphop", KOREAN) == "힙합"


@pytest.mark.parametrize(
    ("tonic", "mode", "english", "korean"),
    [
        ("D#", "major", "E♭ major, 5B (70% sure)", "E♭ 장조, 5B (확신도 70%)"),
        ("F#", "minor", "F# minor, 11A (70% sure)", "F# 단조, 11A (확신도 70%)"),
        ("H", "major", "H major (70% sure)", "H 장조 (확신도 70%)"),
    ],
)
def test_keys_are_written_as_musicians_do(tonic: str, mode: str, english: str, korean: str) -> None:
    assert key_text(Key(tonic, mode, 0.7), ENGLISH) == english
    assert key_text(Key(tonic, mode, 0.7), KOREAN) == korean


def test_all_reasons_in_order() -> None:
    why = Why("same key", 0, 1.0, 1.0, ("guitar", "male vocalists"))
    assert reasons(why) == [
        "Chords overlap by 100%.",
        "Keys: same key.",
        "The same tempo.",
        "Both sound like: guitar, male vocalists.",
    ]
    assert reasons(why, KOREAN)[1] == "조성: 같은 조."
    assert reasons(Why()) == []


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        (Why(transposition=-3), "3 semitones lower."),
        (Why(transposition=1), "One semitone higher."),
        (Why(transposition=5), "5 semitones higher."),
        (Why(transposition=-1), "One semitone lower."),
        (Why(tempo_ratio=1.02), "The same tempo."),
        (Why(tempo_ratio=1.98), "Twice as fast."),
        (Why(tempo_ratio=0.49), "Half as fast."),
        (Why(tempo_ratio=1.21), "21% faster."),
        (Why(tempo_ratio=0.89), "11% slower."),
    ],
)
def test_one_reason(why: Why, sentence: str) -> None:
    assert reasons(why) == [sentence]
