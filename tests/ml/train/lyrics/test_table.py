"""Tables of texts: encodings, bad rows, hostile cells; and splits without a common artist."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from ml.train.data.splits import SplitError
from ml.train.lyrics.splits import divide, select
from ml.train.lyrics.table import MOST_FIELD, TableError, TextTable, read_table
from tests.ml.lyrics.texts import OWN, korean_text, song, songs, text, write_table


def rows(path: Path, *lines: str, head: str = "artist,genre,bpm,text", encoding: str = "utf-8") -> Path:
    path.write_text("\n".join([head, *lines]) + "\n", encoding=encoding)
    return path


@pytest.mark.parametrize("name", ["songs.csv", "songs.csv.gz"])
def test_a_table_is_read(tmp_path: Path, name: str) -> None:
    table = read_table(write_table(tmp_path / name, songs(4)))
    assert len(table.songs) == 12 and table.left_out.total() == 0
    first = table.songs[0]
    assert (first.genre, first.artist, first.language, first.bpm) == ("country", "country artist 0", "en", 95.0)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_from_windows_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    made = [replace(song("pop", i), text=korean_text("trot", i), genre="트로트", artist="가수") for i in range(3)]
    table = read_table(write_table(tmp_path / "songs.csv", made, encoding=encoding, delimiter=delimiter))
    assert [(one.genre, one.artist, one.language) for one in table.songs] == [("트로트", "가수", "ko")] * 3


def test_bad_rows_are_counted_by_reason(tmp_path: Path) -> None:
    good = text("metal", 1)
    path = rows(
        tmp_path / "songs.csv",
        f"a,metal,120,{good}",
        f"a,,120,{text('metal', 2)}",
        "a,metal,120,too short",
        "a,metal",
        f"b,metal,120,{good.upper()}",
        f"a,metal,120,{text('metal', 3)},one field too many",
        f"a,metal,fast,{text('metal', 4)}",
        f"a,metal,nan,{text('metal', 5)}",
        f"a,metal,-3,{text('metal', 6)}",
    )
    table = read_table(path)
    assert len(table.songs) == 4
    assert table.left_out == {
        "no genre": 1,
        "fewer than 10 words": 2,
        "the same text again": 1,
        "more fields than columns": 1,
    }
    assert table.corrected["no tempo could be read"] == 3
    assert "1 left out: no genre" in table.summary() and "3 kept, but no tempo could be read" in table.summary()


def test_hostile_cells_are_cleaned(tmp_path: Path) -> None:
    words = text("pop", 1)
    path = rows(
        tmp_path / "songs.csv",
        f'=cmd|calc,\x1b[31mPop\x1b[0m,1e999,"{words}\x00\u202e"',
        head="ARTIST,Genre , bpm,TEXT",
    )
    one = read_table(path).songs[0]
    assert "\x1b" not in one.genre and one.bpm is None
    assert one.words == words.split()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no column text"),
        (b"text,label\na,b\n", "no column genre"),
        (b"text,genre\n", "no row"),
        (b"text,genre\nshort,pop\n", "no usable row"),
        (b"text,genre\n\xff\xfe\xff\x80\x80,pop\n", "neither UTF-8 nor CP949"),
        (b"text,genre\n" + b"a" * (MOST_FIELD + 1) + b",pop\n", "after line 1"),
        (b"\xff\xfe\x00", "neither"),
    ],
)
def test_a_useless_table_is_refused_in_a_sentence(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "songs.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=reason):
        read_table(path)


def test_a_missing_or_damaged_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(TableError, match="cannot be read"):
        read_table(tmp_path)
    whole = gzip.compress(b"text,genre\n" * 1000)
    for content in (b"no gzip at all", whole[:-20]):
        (tmp_path / "songs.csv.gz").write_bytes(content)
        with pytest.raises(TableError, match="cannot be read"):
            read_table(tmp_path / "songs.csv.gz")


def test_no_artist_is_in_two_splits() -> None:
    divided = divide(TextTable(songs(40)))
    artists = [{one.artist for one in side} for side in (divided.train, divided.valid, divided.test)]
    assert not artists[0] & artists[1] and not artists[0] & artists[2] and not artists[1] & artists[2]
    assert [len(divided.train), len(divided.valid), len(divided.test)] == pytest.approx([72, 24, 24], abs=8)
    for side in (divided.train, divided.valid, divided.test):
        assert {one.genre for one in side} == set(OWN)


def test_the_same_seed_splits_alike() -> None:
    table = TextTable(songs(40))
    assert divide(table, 3) == divide(table, 3) != divide(table, 4)


def test_an_artist_of_two_genres_is_on_one_side() -> None:
    shared = [replace(one, artist="both") if one.artist.endswith(" 0") else one for one in songs(20)]
    divided = divide(TextTable(shared))
    assert len({one.split for one in [*divided.train, *divided.valid, *divided.test] if one.artist == "both"}) == 1


def test_a_genre_of_two_artists_is_in_training_and_test() -> None:
    made = [one for one in songs(30) if one.genre != "metal"] + [song("metal", number) for number in (0, 1, 2)]
    divided = divide(TextTable(made))
    metal = {
        side: [one for one in getattr(divided, side) if one.genre == "metal"] for side in ("train", "valid", "test")
    }
    assert {side: len(found) for side, found in metal.items()} == {"train": 2, "valid": 0, "test": 1}


def test_the_split_of_the_table_is_used_and_its_leaks_are_counted() -> None:
    sides = ("train", "valid", "test")
    made = [replace(one, split=sides[i % 30 // 10]) for i, one in enumerate(songs(30))]
    leaking = replace(made[-1], text=text("pop", 99), artist=made[0].artist)
    divided = divide(TextTable([*made, leaking]))
    assert len(divided.train) == len(divided.valid) == 30 and len(divided.test) == 30
    assert divided.table.left_out["the artist is in another split"] == 1


def test_small_and_single_artist_genres_are_left_out_and_named() -> None:
    made = [*songs(24), *[replace(song("pop", i), genre="jazz", artist="one") for i in range(40, 70)]]
    made += [replace(song("pop", i), genre="polka") for i in range(70, 75)]
    made += [replace(song("pop", 80), language="ko")]
    table, language = select(TextTable(made), None)
    assert language == "en" and {one.genre for one in table.songs} == set(OWN)
    assert table.left_out == {
        "jazz has only one artist": 30,
        "polka has fewer than 20 songs": 5,
        "in another language": 1,
    }


def test_too_little_to_learn_from_is_refused() -> None:
    with pytest.raises(SplitError):
        select(TextTable(songs(3)), None)
    with pytest.raises(SplitError):
        divide(TextTable([song("pop", 0), song("metal", 1)]))
