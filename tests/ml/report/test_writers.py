"""One report, as text and as JSON: the answer first, no line too wide, nothing that a terminal would obey."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.report.cells import columns
from ml.report.errors import AudioError
from ml.report.schema import Neighbour, Neighbours, Report, Score, Why
from ml.report.translation import Translator
from ml.report.writers import Look, answer, error_to_json, error_to_text, reasons, to_json, to_text
from tests.fakes import a_report

KOREAN = Translator("ko")


def test_the_whole_text(report: Report) -> None:
    assert to_text(report) == (
        "Redemption Song — Bob Marley  3:48\n"
        "Sounds like reggae (62 %), with some hiphop.\n"
        "\n"
        "  reggae   62 % ███████████████████▉\n"
        "  hiphop   30 % █████████▋\n"
        "  blues     8 % ██▌\n"
        "\n"
        "  0:00 ████████████████████████████████████████▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ 3:48\n"
        "  █ reggae, ▓ blues\n"
        "\n"
        "  Tempo  76 BPM (81 % sure), or else 153\n"
        "  Key    G major (70 % sure)\n"
        "  Mood   calm (arousal 20 %)\n"
        "  Tags   guitar, male vocalists\n"
        "  Time   0.70 s (audio 0.20, genre 0.50)"
    )


def test_what_is_alike_is_named(report: Report) -> None:
    near = Neighbour("1", "One Love", "Bob Marley", "reggae", 0.5)
    nameless = Neighbour("2", "demo\x1b[2J", None, None, 0.7)
    text = to_text(replace(report, neighbours=Neighbours(harmony=(near, nameless), sound=(near,))))
    assert "  Like in harmony  One Love — Bob Marley; demo" in text
    assert "  Like in sound    One Love — Bob Marley" in text
    assert "\x1b" not in text


def test_the_text_in_korean(report: Report) -> None:
    text = to_text(report, translator=KOREAN)
    assert "레게처럼 들려요 (62 %). 힙합 느낌도 조금 있어요." in text
    assert "  빠르기  76 BPM" in text
    assert "G 장조" in text


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ((0.05, 0.05, 0.9), "Sounds like reggae (90 %)."),
        ((0.05, 0.35, 0.6), "Sounds like reggae (60 %), with some hiphop."),
        ((0.25, 0.3, 0.45), "Sounds like reggae (45 %), with some hiphop and blues."),
    ],
)
def test_the_answer_names_what_counts(shares: tuple[float, ...], sentence: str) -> None:
    assert answer(a_report(shares=shares)) == sentence


def test_an_unsure_answer_is_honest_and_counts_the_labels() -> None:
    unsure = a_report(confident=False)
    assert answer(unsure) == "Sounds like none of the 3 genres; the nearest is reggae (62 %)."
    assert answer(unsure, KOREAN).startswith("3개 장르 중 어느 것과도 닮지 않았어요.")


def test_a_persons_own_genres_are_shown_as_they_are() -> None:
    own = a_report(labels=("트로트", "{curly}", "rock \x1b[2J"), shares=(0.1, 0.2, 0.7))
    text = to_text(own)
    assert "트로트" in text
    assert "{curly}" in text
    assert "\x1b" not in text


def test_what_is_unknown_has_no_row() -> None:
    bare = replace(a_report(), tempo=None, key=None, mood=None, tags=(), timings={}, timeline=())
    assert to_text(bare).endswith("blues     8 % ██▌\n")
    assert not re.search("Tempo|Key|Mood|Tags|Time|0:00", to_text(bare))


def test_notes_have_rows() -> None:
    text = to_text(a_report(notes=("Only the first 20 minutes were analysed.",)), translator=KOREAN)
    assert "참고    앞부분 20분만 분석했어요." in text


def test_many_genres_share_the_last_shade() -> None:
    labels = tuple("abcdef")
    moment = a_report().timeline[0]
    steps = [replace(moment, scores=tuple(float(n == top) for n in range(6))) for top in range(6)]
    crowded = replace(a_report(labels=labels, shares=(1 / 6,) * 6), timeline=tuple(steps))
    assert "█ a, ▓ b, ▒ c, ░ d, · others" in to_text(crowded)


words_of_people = st.text(st.characters(codec=None), max_size=60)


@given(
    words_of_people,
    words_of_people,
    st.integers(20, 200),
    st.sampled_from(["en", "ko"]),
    st.floats(1.0, 90000.0),
)
def test_no_line_is_too_wide_or_unsafe(
    title: str, artist: str, width: int, language: str, seconds: float
) -> None:
    report = a_report(
        title=title,
        artist=artist,
        labels=(artist or "x", "소리소리소리소리소리", "b" * 30),
        duration_seconds=seconds,
    )
    text = to_text(report, translator=Translator(language), look=Look(width=width))
    assert max(columns(line) for line in text.split("\n")) <= width
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_colours_only_where_asked_for(report: Report) -> None:
    coloured = to_text(report, look=Look(colour=True))
    assert "\x1b[1m" in coloured
    assert re.sub("\x1b\\[\\d+m", "", coloured) == to_text(report)


def test_json_is_the_report_on_one_line(report: Report) -> None:
    line = to_json(report, file="노래.mp3")
    assert "\n" not in line
    assert "노래.mp3" in line
    assert json.loads(line) == {"file": "노래.mp3", **json.loads(json.dumps(report.to_dict()))}
    assert Report.from_dict(json.loads(line)) == report


@given(words_of_people)
def test_json_keeps_every_letter_and_steers_nothing(title: str) -> None:
    line = to_json(a_report(title=title))
    assert json.loads(line)["title"] == title
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", line)
    line.encode()


def test_json_has_no_numbers_that_json_does_not_know() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(replace(a_report(), tags=(Score("x", math.nan),)))


def test_an_error_in_both_forms() -> None:
    assert error_to_text(AudioError(), name="a\x1b[2J.mp3").startswith("a [2J.mp3: This file could not")
    failure = json.loads(error_to_json(AudioError(), translator=KOREAN, file="a.mp3"))
    assert failure["file"] == "a.mp3"
    assert failure["error"]["code"] == "unreadable"
    assert failure["error"]["message"].endswith("내보내 보세요.")


def test_reasons_are_told() -> None:
    why = Why("same key", 0, 1.0, 1.0, ("guitar", "male vocalists"))
    assert reasons(why) == [
        "Chords overlap by 100 %.",
        "Keys: same key.",
        "The same tempo.",
        "Both sound like: guitar, male vocalists.",
    ]
    assert reasons(why, Translator("ko"))[1] == "조성: 같은 조."
    assert reasons(Why()) == []


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (Why(transposition=-3), "3 semitones lower."),
        (Why(transposition=1), "One semitone higher."),
        (Why(transposition=5), "5 semitones higher."),
        (Why(transposition=-1), "One semitone lower."),
        (Why(tempo_ratio=1.02), "The same tempo."),
        (Why(tempo_ratio=1.98), "Twice as fast."),
        (Why(tempo_ratio=0.49), "Half as fast."),
        (Why(tempo_ratio=1.21), "21 % faster."),
        (Why(tempo_ratio=0.89), "11 % slower."),
    ],
)
def test_keys_and_tempi_are_told_as_people_do(why: Why, said: str) -> None:
    assert reasons(why) == [said]
