"""First step: read a table of texts with genres. Rows that cannot be used are counted by reason, never just dropped."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ml.lyrics.text.tokens import find_language, words
from ml.report.cells import clean
from ml.report.errors import SoriError

REQUIRED = ("text", "genre")
OPTIONAL = ("artist", "title", "bpm", "split", "language")
SPLITS = ("train", "valid", "test")
DELIMITERS = (",", ";", "\t")
MOST_BYTES = 1 << 30
MOST_FIELD = 1_000_000
LEAST_WORDS = 10
SLOWEST, FASTEST = 20.0, 400.0
"""Beats per minute; another number is no tempo."""


class TableError(SoriError):
    code = "lyrics_table"
    sentence = (
        "The table {file} cannot be used: {reason}. It must be CSV with the columns text and genre, and may have "
        "artist, title, bpm, split and language."
    )


@dataclass(frozen=True)
class TextSong:
    """A text with its genre. An unknown `artist` stands alone under the row's own name."""

    text: str
    genre: str
    artist: str
    language: str
    title: str = ""
    bpm: float | None = None
    split: str = ""

    @property
    def words(self) -> list[str]:
        return words(self.text)


@dataclass(frozen=True)
class TextTable:
    songs: list[TextSong]
    left_out: Counter[str] = field(default_factory=Counter)
    """Number of rows that are not used, by reason."""
    corrected: Counter[str] = field(default_factory=Counter)
    """Number of rows that are used without a part that could not be read."""

    def where(self, reason: str, keep: list[bool]) -> TextTable:
        """The songs marked `keep`; the others count as left out for this reason."""
        songs = [song for song, use in zip(self.songs, keep, strict=True) if use]
        lost = len(self.songs) - len(songs)
        return replace(self, songs=songs, left_out=self.left_out + Counter({reason: lost}))

    def summary(self) -> str:
        """How many rows are used, and how many are not and why."""
        parts = [f"{len(self.songs)} texts"]
        parts += [f"{count} left out: {reason}" for reason, count in sorted(self.left_out.items()) if count]
        parts += [f"{count} kept, but {reason}" for reason, count in sorted(self.corrected.items()) if count]
        return "; ".join(parts)


def read_table(path: Path) -> TextTable:
    """The usable rows of a .csv or .csv.gz, in UTF-8, UTF-16 or CP949, divided by commas, semicolons or tabs."""
    table = TextTable([])
    seen: set[str] = set()
    for number, row in enumerate(_rows(path), start=2):
        song, reason = _song(row, number, table.corrected)
        key = " ".join(song.words) if song else ""
        if song is None:
            table.left_out[reason] += 1
        elif key in seen:
            table.left_out["the same text again"] += 1
        else:
            seen.add(key)
            table.songs.append(song)
    if not table.songs:
        reason = table.left_out.most_common(1)[0][0] if table.left_out else "no row"
        raise TableError(file=path.name, reason=f"no usable row ({reason})")
    return table


def _song(row: dict[str, str], number: int, corrected: Counter[str]) -> tuple[TextSong | None, str]:
    """The row as a song, or the reason why it is none."""
    if row.get("") is not None:
        return None, "more fields than columns"
    cells = {name: clean(row.get(name) or "") for name in (*REQUIRED, *OPTIONAL) if name != "text"}
    text, genre = row.get("text") or "", cells["genre"].casefold()
    found = words(text)
    if not genre:
        return None, "no genre"
    if len(found) < LEAST_WORDS:
        return None, f"fewer than {LEAST_WORDS} words"
    bpm = _tempo(cells["bpm"])
    corrected["no tempo could be read"] += bool(cells["bpm"]) and bpm is None
    split = cells["split"].casefold()
    corrected["the split is not train, valid or test"] += bool(split) and split not in SPLITS
    language = cells["language"].casefold() or find_language(found) or "other"
    artist = cells["artist"].casefold() or f"row {number}"
    known_split = split if split in SPLITS else ""
    return TextSong(text, genre, artist, language, cells["title"], bpm, known_split), ""


def _tempo(cell: str) -> float | None:
    try:
        bpm = float(cell)
    except ValueError:
        return None
    return bpm if SLOWEST <= bpm <= FASTEST else None


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows by lower-case column name; the name is empty for fields beyond the last column."""
    text = _read_text(path)
    head = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=head.count)
    csv.field_size_limit(MOST_FIELD)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="")
    try:
        names = [clean(name).casefold() for name in reader.fieldnames or ()]
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise TableError(file=path.name, reason=f"it has no column {' and no column '.join(missing)}")
        reader.fieldnames = names
        yield from reader
    except csv.Error as error:
        raise TableError(
            file=path.name, reason=f"the row after line {reader.line_num} cannot be read ({error})"
        ) from error


def _read_text(path: Path) -> str:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise TableError(file=path.name, reason="there is no such file") from error
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(file=path.name, reason="it cannot be read") from error
    if len(content) > MOST_BYTES:
        raise TableError(file=path.name, reason="it is larger than 1 GB")
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp949")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TableError(file=path.name, reason="its text is neither UTF-8 nor CP949")
