"""The words of lyrics are stored with their track, found by a search, and shown in their line; on both databases."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, select

from library.catalogue.database import Catalogue
from library.catalogue.listing import ListQuery, read_page
from library.catalogue.lyrics import MAX_WORDS, SHOWN, Piece, fold_words, has_words, mark, matching_lines
from library.catalogue.tables import Track, TrackReport, TrackWords, path_hash_of
from library.collection.files import File
from library.collection.moved_files import copy
from library.collection.records import write_report
from ml.report.schema import LyricLine, Lyrics, Report
from tests.fakes import a_report
from tests.made_up_lyrics import LINES, transcribed


def add(catalogue: Catalogue, title: str, *lines: str, **columns: object) -> int:
    lyrics = Lyrics("tags", tuple(LyricLine(line) for line in lines)) if lines else None
    with catalogue.transaction() as session:
        track = Track(features_version="test", **columns)
        write_report(session, track, replace(a_report(title=title), lyrics=lyrics))
        return track.id


def found(catalogue: Catalogue, sung: str, **how: object) -> list[str | None]:
    query = ListQuery(sung=sung, **how)  # type: ignore[arg-type]
    return [track.title for track in read_page(catalogue, query, 100).tracks]


def stored_words(catalogue: Catalogue) -> list[int]:
    with catalogue.session() as session:
        return list(session.scalars(select(TrackWords.track_id)))


def line_of(catalogue: Catalogue, track_id: int, sung: str) -> str:
    pieces = matching_lines(catalogue, [track_id], sung).get(track_id, [])
    return "".join(f"[{piece.text}]" if piece.is_hit else piece.text for piece in pieces)


def test_every_word_must_be_sung(catalogue: Catalogue) -> None:
    add(catalogue, "boat", "The paper boat", "is sailing over numbers")
    add(catalogue, "lamp", "A paper lamp")
    add(catalogue, "without")
    assert found(catalogue, "paper") == ["boat", "lamp"]
    assert found(catalogue, "numbers PAPER") == ["boat"]
    assert found(catalogue, "boat lamp") == []
    assert found(catalogue, "sail") == ["boat"]
    assert found(catalogue, "") == found(catalogue, " \t") == ["boat", "lamp", "without"]
    assert found(catalogue, "paper", words="lamp") == ["lamp"]


def test_case_accents_and_normal_forms_do_not_matter(catalogue: Catalogue) -> None:
    add(catalogue, "nfc", unicodedata.normalize("NFC", "Été brûlant, don’t"))
    add(catalogue, "nfd", unicodedata.normalize("NFD", "초록 나무 ÉTÉ"))
    assert found(catalogue, "ete") == found(catalogue, unicodedata.normalize("NFD", "été")) == ["nfc", "nfd"]
    assert found(catalogue, unicodedata.normalize("NFC", "나무")) == ["nfd"]
    assert found(catalogue, unicodedata.normalize("NFD", "나무")) == ["nfd"]
    assert found(catalogue, "don't") == found(catalogue, "DON´T") == ["nfc"]


def test_wildcards_are_literal(catalogue: Catalogue) -> None:
    add(catalogue, "signs", "100% of a_b \\ c/d 'x' \"y\"")
    add(catalogue, "plain", "100 of axb c d")
    for sung in ("%", "0%", "a_b", "\\", "c/d", "'x'", '"y"'):
        assert found(catalogue, sung) == ["signs"]
    assert found(catalogue, "1%0") == found(catalogue, "_%_") == found(catalogue, "a*") == []


@pytest.mark.parametrize("sort", ["title", "tempo"])
def test_pages_and_counts(catalogue: Catalogue, sort: str) -> None:
    """Also where more tracks match than are counted."""
    with catalogue.transaction() as session:
        rows = [Track(title=f"{number:04}", bpm=60.0 + number, features_version="test") for number in range(1100)]
        session.add_all(rows)
        session.flush()
        session.add_all(
            [TrackWords(track_id=row.id, words="rare" if row.title == "0007" else "common") for row in rows]
        )
    for sung, count in (("common", 1099), ("rare", 1)):
        query, listed, following = ListQuery(sort=sort, sung=sung), [], None
        while True:
            page = read_page(catalogue, query, 300, following)
            assert page.count == min(count, 1001)
            listed += [track.title for track in page.tracks]
            following = page.following
            if following is None:
                break
        assert len(listed) == len(set(listed)) == count and listed == sorted(listed)


def test_words_live_and_end_with_their_track(catalogue: Catalogue) -> None:
    assert not has_words(catalogue)
    track_id = add(catalogue, "song", "a paper boat")
    assert has_words(catalogue)
    with catalogue.transaction() as session:
        track = session.get_one(Track, track_id)
        write_report(session, track, replace(a_report(title="song"), lyrics=transcribed(("a wooden door",))))
    assert found(catalogue, "boat") == [] and found(catalogue, "door") == ["song"]
    with catalogue.transaction() as session:
        path = Path("/music/copy.mp3")
        copy(session, session.get_one(Track, track_id), None, File(path, 1, 1))
    assert found(catalogue, "door") == ["song", "song"]
    with catalogue.transaction() as session:
        write_report(session, session.get_one(Track, track_id), a_report(title="song"))
    assert len(stored_words(catalogue)) == 1
    with catalogue.transaction() as session:
        session.delete(session.scalars(select(Track).where(Track.path_hash == path_hash_of(path))).one())
    assert stored_words(catalogue) == [] and not has_words(catalogue)


def test_the_line_with_the_most_hits_is_shown(catalogue: Catalogue) -> None:
    track_id = add(catalogue, "song", *LINES)
    other = add(catalogue, "without")
    assert line_of(catalogue, track_id, "boxes garden") == "we carry empty [boxes] through a [garden]"
    assert line_of(catalogue, track_id, "숫자") == "파란 종이 위에 [숫자]를 적어요"
    assert line_of(catalogue, other, "숫자") == ""
    whole = add(catalogue, "one line", " ".join(LINES * 20) + " the end")
    assert line_of(catalogue, whole, "boxes garden").count("[") >= 2
    assert line_of(catalogue, whole, "end").endswith("the [end]")
    assert matching_lines(catalogue, [], "x") == matching_lines(catalogue, [track_id], " ") == {}


def test_hits_are_marked_in_the_text_as_it_is_written() -> None:
    assert mark("L’Été, ﬁn", fold_words("l'ete fi")) == [
        *(Piece("L’Été", True), Piece(", ", False), Piece("ﬁ", True), Piece("n", False))
    ]
    assert mark(unicodedata.normalize("NFD", "초록 나무"), ["나무"])[-1] == Piece("나무", True)
    long = mark("x" * 500 + " boat " + "y" * 500, ["boat"])
    assert [piece.text for piece in long if piece.is_hit] == ["boat"]
    assert len("".join(piece.text for piece in long)) <= SHOWN + 2
    assert long[0].text.startswith("…") and long[-1].text.endswith("…")


def test_hostile_lyrics_are_stored_and_searched(catalogue: Catalogue) -> None:
    """Text that no database accepts as it is, a line of a megabyte, and very many words."""
    hostile = add(catalogue, "bytes", "nul\0 \ud800 \x1b[31m \u202eright boat")
    assert line_of(catalogue, hostile, "boat").endswith("right [boat]")
    began = time.process_time()
    line = add(catalogue, "line", "가나다라" * 250_000, "boat")
    many = add(catalogue, "many", *(f"w{number} w{number}" for number in range(50_000)), "boat")
    assert found(catalogue, "가나다라") == ["line"] and found(catalogue, "w17") == ["many"]
    assert len(line_of(catalogue, line, "가나다라")) <= SHOWN + 10
    assert line_of(catalogue, many, "w17 w1799")
    assert time.process_time() - began < 30
    with catalogue.session() as session:
        assert len(session.get_one(TrackWords, many).words.split("\n")) == MAX_WORDS
        stored = Report.from_dict(session.get_one(TrackReport, hostile).report).lyrics
    assert stored is not None and "\0" not in stored.lines[0].text


def test_a_search_without_lyrics_reads_no_words(catalogue: Catalogue) -> None:
    add(catalogue, "song", "a paper boat")
    statements: list[str] = []
    event.listen(catalogue.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    read_page(catalogue, ListQuery("song"), 10)
    assert statements and not [text for text in statements if "track_words" in text]
