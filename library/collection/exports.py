"""Files for other programs: a table of every track, a playlist. The one formula guard and the one M3U8 writer.

Titles and file names come from strangers, and these programs obey what they read: a spreadsheet computes a cell that
begins like a formula, and a player opens every line of a playlist.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track
from ml.report.cells import clean
from ml.report.errors import SoriError

TRACK_COLUMNS = (
    *("id", "path", "title", "artist", "album", "duration_seconds", "genre", "mood", "bpm", "tonic", "mode"),
    *("source", "failure_code", "arousal"),
)

_INVISIBLE = r"\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
_FORMULA = re.compile(rf"[{_INVISIBLE}]*[=+\-@＝＋－＠]")
"""Spreadsheets skip blanks before a formula, and some take full-width signs for the common ones."""
_SEPARATOR = re.compile(r"([;\t\r\n])")
"""Where a spreadsheet may begin a new cell: which of these separate cells depends on its language and its dialogs."""
_UNPLAYABLE = re.compile(r"^\s|[\x00-\x1f\x7f]|\s$")
"""A path that a line of a playlist cannot hold, or that players would trim."""


class SuffixError(SoriError):
    code = "suffix"
    sentence = "{file} ends neither in .csv nor in .json, so its format is unknown."


class WriteError(SoriError):
    code = "write"
    sentence = "{file} could not be written: {reason}"


def export(catalogue: Catalogue, target: Path) -> int:
    """Write every track that has a file to a .csv or .json file, all or nothing; how many there were."""
    writers = {".csv": write_csv, ".json": _write_json}
    if target.suffix.lower() not in writers:
        raise SuffixError(file=str(target))
    count = 0

    def rows() -> Iterator[list[Any]]:
        nonlocal count
        own = select(Track).where(Track.path.is_not(None)).order_by(Track.id)
        with catalogue.session() as session:
            for track in session.scalars(own.execution_options(yield_per=1000)):
                count += 1
                path = os.fsencode(track.path or "").decode("utf-8", "backslashreplace")
                yield [path if name == "path" else getattr(track, name) for name in TRACK_COLUMNS]

    _write_whole(target, lambda file: writers[target.suffix.lower()](file, TRACK_COLUMNS, rows()))
    return count


def write_playlist(tracks: Sequence[Track], target: Path) -> None:
    """An M3U8 file of the tracks that have a file. A path in a broken encoding is written as its own bytes."""
    text = to_m3u8(
        (" - ".join(filter(None, (track.artist, track.title))), track.duration_seconds, _line_of(track.path))
        for track in tracks
        if track.path
    )
    _write_whole(target, lambda file: file.write(text))


def to_m3u8(entries: Iterable[tuple[str, float | None, str]]) -> str:
    """A playlist; each entry is a title, a length in seconds, and a path or an address."""
    lines = ["#EXTM3U"]
    for title, seconds, location in entries:
        lines += [f"#EXTINF:{round(seconds or -1)},{' '.join(clean(title).split())}", location]
    return "\n".join(lines) + "\n"


def write_csv(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    writer.writerows([guard_formula(value) for value in row] for row in rows)


def guard_formula(value: Any) -> Any:
    """Text that a spreadsheet would compute gets an apostrophe before it, which spreadsheets do not show."""
    if not isinstance(value, str):
        return value
    return "".join(f"'{part}" if _FORMULA.match(part) else part for part in _SEPARATOR.split(value))


def _write_json(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    file.write("[")
    for number, row in enumerate(rows):
        file.write(",\n " if number else "\n ")
        json.dump(dict(zip(columns, row, strict=True)), file, ensure_ascii=False)
    file.write("\n]\n")


def _write_whole(target: Path, write: Callable[[TextIO], object]) -> None:
    """Write a file completely or not at all."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            write(file)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteError(file=str(target), reason=error.strerror or str(error)) from error


def _line_of(path: Path) -> str:
    """The path as a line of a playlist: as an address where its name contains line breaks."""
    name = os.fsencode(path).decode("utf-8", "surrogateescape")
    return path.as_uri() if _UNPLAYABLE.search(name) else name
