"""Lyrics on the result page, in the library, in the API and in the files: bounded, escaped, and private as reports."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track
from library.collection.records import write_report
from ml.report.schema import Genre, LyricLine, Lyrics, Report, Score, Word
from tests.fakes import a_report
from tests.made_up_lyrics import LINES, synchronised, transcribed
from web.context import NAME
from web.pages.exports import to_csv
from web.pages.lyrics import MAX_LETTERS, shown_lyrics, to_lrc, to_text

HOSTILE = "<script>alert(1)</script>\"'{{ 7*7 }} \u202e\x07\x00\ud800"


def with_lyrics(lyrics: Lyrics | None, **report: Any) -> Report:
    return replace(a_report(**report), lyrics=lyrics)


def add(app: Flask, title: str, lyrics: Lyrics | None) -> int:
    catalogue: Catalogue = app.extensions[NAME].catalogue
    with catalogue.transaction() as session:
        track = Track(features_version="test")
        write_report(session, track, with_lyrics(lyrics, title=title))
        return track.id


def titles(text: str) -> list[str]:
    return re.findall(r'class="column-title"><a href="[^"]+"><bdi>(.*?)</bdi>', text)


def test_a_report_without_lyrics_has_no_section(browser: FlaskClient, heard: Callable[..., str]) -> None:
    text = browser.get(f"/a/{heard()}").text
    assert "words-title" not in text and "words.lrc" not in text


def test_lines_words_and_genres_are_shown(browser: FlaskClient, heard: Callable[..., str]) -> None:
    text = browser.get(f"/a/{heard(with_lyrics(transcribed()))}").text
    assert "Experimental</span>" in text and text.count("<li><a data-at=") == len(LINES)
    assert "boat is <i>sailing<b> unsure</b></i> over numbers" in text
    assert "less than 60% sure" in text
    assert "transcribed by <code>facebook/wav2vec2-base-960h</code>." in text and "3 words were left out" in text
    for heading, share in (("Genre by sound", "62%"), ("Genre by words", "36%"), ("Genre by sound and words", "52%")):
        assert share in text.split(f"<h3>{heading}</h3>")[1].split("</div>")[0]
    assert "both are often wrong" in text


@pytest.mark.parametrize(("source", "sentence"), [("tags", "the file’s tags"), ("file", "a text file beside")])
def test_the_source_is_named(browser: FlaskClient, heard: Callable[..., str], source: str, sentence: str) -> None:
    lyrics = replace(synchronised(), source=source)
    text = browser.get(f"/a/{heard(with_lyrics(lyrics))}").text
    assert sentence in text and "left out" not in text and "Genre by words" not in text
    assert "<li>[Verse]" in text


def test_no_words_found(browser: FlaskClient, heard: Callable[..., str]) -> None:
    analysis_id = heard(with_lyrics(Lyrics("transcription", (), "m", dropped_words=1)))
    text = browser.get(f"/a/{analysis_id}").text
    assert "No words found." in text and "One word was left out" in text and 'id="lyrics"' not in text
    for suffix in ("lrc", "txt"):
        assert browser.get(f"/a/{analysis_id}/words.{suffix}").status_code == 404


def test_everything_is_said_in_korean(browser: FlaskClient, heard: Callable[..., str]) -> None:
    address = f"/a/{heard(with_lyrics(transcribed()))}"
    text = html.unescape(browser.get(address, headers={"Accept-Language": "ko"}).text)
    for korean in ("가사", "실험 기능", "불확실", "60%보다 낮아요", "낱말 3개는 뺐어요", "소리와 가사로 본 장르"):
        assert korean in text
    section = text.split('id="words-title"')[1].split("</section>")[0]
    prose = re.sub(r"<ol.*?</ol>|<[^>]*>", " ", section, flags=re.DOTALL)
    assert set(re.findall("[A-Za-z]{2,}", prose)) <= {"facebook", "wav", "vec", "base", "LRC"}


def test_hostile_texts_are_escaped(app: Flask, browser: FlaskClient, heard: Callable[..., str]) -> None:
    word = Word(HOSTILE, 1.0, 2.0, 0.1)
    genre = Genre(HOSTILE, True, (Score(HOSTILE, 1.0),))
    lyrics = Lyrics("transcription", (LyricLine(HOSTILE), LyricLine(HOSTILE, 1.0, 2.0, (word,))), HOSTILE, 1, genre)
    track_id = add(app, "song", lyrics)
    for address in (f"/a/{heard(with_lyrics(lyrics))}", f"/library/{track_id}", "/library?words=alert"):
        text = browser.get(address).text
        assert "alert(1)" in html.unescape(re.sub("</?mark>", "", text))
        assert "<script>alert" not in re.sub("</?mark>", "", text) and "49" not in re.findall(r"\{\{ (\d+)", text)
        assert not re.search("[\x00\x07\u202e]", text.split('id="lyrics"')[-1].split("</ol>")[0])


@pytest.mark.parametrize("time", [None, -1.0, float("nan"), float("inf")])
def test_lines_without_a_usable_time_are_plain(time: float | None) -> None:
    shown = shown_lyrics(Lyrics("tags", (LyricLine("text", time),)))
    assert shown.lines[0].start is None
    assert to_lrc(a_report(), Lyrics("tags", (LyricLine("text", time),))).endswith("\ntext\n")


def test_a_word_never_begins_before_the_one_before_it() -> None:
    words = (Word("a b", 5.0, 5.2, 0.9), Word("  ", 5.3, 5.4, 0.9), Word("c", 4.0, 6.0, float("nan")))
    line = shown_lyrics(Lyrics("transcription", (LyricLine("a b c", 4.5, 6.0, words),))).lines[0]
    assert line.steps == (5, 0, 10)
    assert [(run.text, run.is_uncertain) for run in line.runs] == [("a\u00a0b", False), ("c", True)]
    unknown = (Word("a", float("nan"), 1.0, 1.0),)
    assert shown_lyrics(Lyrics("file", (LyricLine("a", 1.0, 2.0, unknown),))).lines[0].steps == ()


@pytest.mark.parametrize(
    "lines",
    [
        (LyricLine("word " * 200_000, 1.0),),
        (
            LyricLine("x" * 1_000_000),
            LyricLine(words=(Word("y" * 1_000_000, 0.0, 1.0, 1.0),), text=""),
            LyricLine("a " * 9999),
        ),
        tuple(LyricLine("a b") for _ in range(100_000)),
        (LyricLine("w", 1.0, 2.0, tuple(Word("w", 1.0, 2.0, n % 2) for n in range(100_000))),),
    ],
    ids=["long line", "long word", "many lines", "many words"],
)
def test_a_page_shows_a_bounded_part(
    browser: FlaskClient, heard: Callable[..., str], lines: tuple[LyricLine, ...]
) -> None:
    lyrics = Lyrics("file", lines)
    shown = shown_lyrics(lyrics)
    assert sum(len(run.text) for line in shown.lines for run in line.runs) <= MAX_LETTERS
    words = sum(len(run.text.split()) for line in shown.lines for run in line.runs)
    total = sum(len(line.words) or len(line.text.split()) for line in lines)
    assert shown.left_out == total - words > 0
    text = browser.get(f"/a/{heard(with_lyrics(lyrics))}").text
    assert len(text.encode()) < 450_000 and f"not shown here: {shown.left_out}." in text


def test_three_thousand_words_are_shown_whole() -> None:
    lyrics = transcribed(LINES * 55, seconds=1200.0)
    assert sum(len(line.words) for line in lyrics.lines) > 2900
    assert shown_lyrics(lyrics).left_out == 0


def test_lrc_and_text_downloads(browser: FlaskClient, heard: Callable[..., str]) -> None:
    analysis_id = heard(with_lyrics(synchronised()), name="my [song].wav")
    with browser.get(f"/a/{analysis_id}/words.lrc") as response:
        lines = response.text.splitlines()
        assert response.mimetype == "text/plain"
        assert response.headers["Content-Disposition"].startswith("attachment; filename=")
        assert response.headers["Cache-Control"] == "private, no-cache"
    assert lines[:2] == ["[ti:Redemption Song]", "[ar:Bob Marley]"]
    assert lines[2:5] == ["[Verse]", f"[00:01.00]{LINES[0]}", f"[00:03.00]{LINES[1]}"]
    with browser.get(f"/a/{analysis_id}/words.txt") as response:
        assert response.text.splitlines() == ["[Verse]", *LINES]
    text = browser.get(f"/a/{analysis_id}").text
    assert "words.lrc" in text and "words.txt" in text
    untimed = Lyrics("tags", (LyricLine("only text"),))
    other = heard(with_lyrics(untimed), name="b.wav")
    assert "words.lrc" not in browser.get(f"/a/{other}").text


def test_files_hold_no_settings_and_no_controls_of_strangers() -> None:
    lines = (
        *(LyricLine("[offset:+9999] [00:01.00]x", 3599.999), LyricLine("[re:evil]\n[00:05.00]y"), LyricLine(HOSTILE)),
        LyricLine("late", 6723.456),
    )
    lrc = to_lrc(with_lyrics(None, title="a]\n[offset:1"), Lyrics("tags", lines))
    assert lrc.splitlines()[0] == "[ti:a) (offset:1]"
    assert re.findall(r"\[[^\]]*:[^\]]*\]", lrc) == [
        "[ti:a) (offset:1]",
        "[ar:Bob Marley]",
        "[60:00.00]",
        "[112:03.46]",
    ]
    for text in (lrc, to_text(Lyrics("tags", lines))):
        assert not re.search("[\x00\x07\u202e\ud800]", text) and "alert(1)" in text


def test_csv_has_the_lyrics_and_no_formulas() -> None:
    words = (Word("=1+1", 1.0, 1.5, 0.25), Word("@SUM(A1)", 1.5, 2.0, 0.5))
    lyrics = replace(transcribed(), lines=(LyricLine("=1+1 @SUM(A1)", 1.0, 2.0, words), LyricLine("-x\n+y")))
    rows = list(csv.reader(io.StringIO(to_csv(with_lyrics(lyrics)))))
    assert ["lyrics", "1.0", "2.0", "line", "'=1+1 @SUM(A1)"] in rows
    assert ["word", "1.5", "2.0", "'@SUM(A1)", "0.5"] in rows
    assert ["lyrics", "", "", "line", "'-x +y"] in rows
    assert ["genre by words", "0.0", "228.0", "pop", "0.36"] in rows
    assert ["genre by sound and words", "0.0", "228.0", "pop", "0.52"] in rows
    assert {len(row) for row in rows} == {5}
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "-", "@"))]


def test_json_has_the_lyrics(browser: FlaskClient, heard: Callable[..., str]) -> None:
    report = with_lyrics(transcribed())
    with browser.get(f"/a/{heard(report)}/report.json") as response:
        assert Report.from_dict(response.get_json(force=True)) == report
    document = browser.get("/api/openapi.json").get_json()
    lyrics = document["components"]["schemas"]["Report"]["properties"]["lyrics"]["anyOf"][0]
    assert set(lyrics["properties"]) >= {"source", "lines", "model", "dropped_words", "genre", "combined"}


def test_tracks_are_found_by_words(app: Flask, browser: FlaskClient) -> None:
    add(app, "without", None)
    assert 'name="words"' not in browser.get("/library").text
    track_id = add(app, "boat", Lyrics("tags", (LyricLine("The paper <b>boat</b>"), LyricLine("초록 나무"))))
    add(app, "lamp", Lyrics("tags", (LyricLine("A paper lamp"),)))
    assert 'name="words"' in browser.get("/library").text
    text = browser.get("/library?words=PAPER+boat").text
    assert titles(text) == ["boat"]
    assert "The <mark>paper</mark> &lt;b&gt;<mark>boat</mark>&lt;/b&gt;" in text
    assert titles(browser.get("/library?words=나무&q=boat").text) == ["boat"]
    assert "No matching tracks" in browser.get("/library?words=nothing").text
    page = browser.get("/api/v1/tracks?words=paper&limit=1").get_json()
    assert page["count"] == 2 and [track["title"] for track in page["tracks"]] == ["boat"]
    assert "words=paper" in page["next"]
    assert [track["title"] for track in browser.get(page["next"]).get_json()["tracks"]] == ["lamp"]
    assert browser.get(f"/api/v1/tracks?words={'x' * 201}").status_code == 400
    assert "초록 나무" in browser.get(f"/library/{track_id}").text


def test_lyrics_of_a_private_service_are_private(make: Callable[..., Flask]) -> None:
    app = make(private=True, password_hash=generate_password_hash("x", method="scrypt:1024:8:1"))
    add(app, "secret", transcribed())
    for address in ("/library?words=paper", "/api/v1/tracks?words=paper", "/a/aaaaaaaaaaaaaaaaaaaaaa/words.txt"):
        response = app.test_client().get(address)
        assert response.status_code in (302, 303, 401, 403) and "paper boat" not in response.text
