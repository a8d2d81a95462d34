"""The library as files for other programs: a table of every track, a playlist.

Titles and names come from strangers, and these programs obey what they find: a cell that begins like a formula is
computed, and a line of a playlist is played.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track
from ml.report.cells import clean
from ml.report.errors import SoriError

COLUMNS = (
    *("id", "path", "title", "artist", "album", "duration_seconds", "genre", "mood", "bpm", "tonic", "mode"),
    *("source", "failure_code", "arousal"),
)


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_UNPLAYABLE = re.compile(r"^\s|[\x00-\x1f\x7f]|\s$")
"""A path that a line of a playlist cannot hold, or that its reader would trim."""


class SuffixError(SoriError):
    code = "suffix"
    sentence = "{file} ends neither in .csv nor in .json, so its format is unknown."


class WriteError(SoriError):
    code = "write"
    sentence = "{file} could not be written: {reason}"


def export(catalogue: Catalogue, target: Path) -> int:
    """Write every track that has a file to a .csv or .json file, all or nothing; how many there were."""
    writers = {".csv": _write_csv, ".json": _write_json}
    if target.suffix.lower() not in writers:
        raise SuffixError(file=str(target))
    count = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal count
        with catalogue.session() as session:
            own = select(Track).where(Track.path.is_not(None)).order_by(Track.id)
            for track in session.scalars(own.execution_options(yield_per=1000)):
                count += 1
                yield _row(track)

    write_whole(target, lambda file: writers[target.suffix.lower()](file, rows()))
    return count


def write_whole(target: Path, write: Any) -> None:
    """A file that is there complete or not at all."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            write(file)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteError(file=str(target), reason=error.strerror or str(error)) from error


def write_playlist(tracks: Sequence[Track], target: Path) -> None:
    """M3U8. A name in a broken encoding is written as the bytes that it is."""

    def write(file: TextIO) -> None:
        file.write("#EXTM3U\n")
        for track in tracks:
            if track.path is None:
                continue
            title = clean(" - ".join(part for part in (track.artist, track.title) if part))
            file.write(f"#EXTINF:{round(track.duration_seconds or -1)},{' '.join(title.split())}\n")
            file.flush()
            file.buffer.write(_playable(track.path) + b"\n")
            file.buffer.flush()

    write_whole(target, write)


def _playable(path: Path) -> bytes:
    """The path as a line of its own: as an address where its name has line breaks in it."""
    name = os.fsencode(path)
    return path.as_uri().encode() if _UNPLAYABLE.search(name.decode("utf-8", "replace")) else name


def _row(track: Track) -> dict[str, Any]:
    values = {name: getattr(track, name) for name in COLUMNS}
    if track.path is not None:
        values["path"] = os.fsencode(track.path).decode("utf-8", "backslashreplace")
    return values


def _write_csv(file: TextIO, rows: Iterator[dict[str, Any]]) -> None:
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would compute gets an apostrophe before it, which spreadsheets do not show."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_json(file: TextIO, rows: Iterator[dict[str, Any]]) -> None:
    file.write("[")
    for number, row in enumerate(rows):
        file.write(",\n " if number else "\n ")
        json.dump(row, file, ensure_ascii=False)
    file.write("\n]\n")
