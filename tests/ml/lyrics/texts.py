"""Made-up texts whose genre is known from their words, as songs and as tables."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Sequence
from pathlib import Path

from ml.train.lyrics.table import TextSong

_FREQUENT = "the and you i it my of that to is your be for with this they we what have but from just"
COMMON = _FREQUENT.split(" ")
_OWN = {
    "country": "truck whiskey porch boots tractor fiddle barn dusty gravel mama",
    "metal": "blood steel demon thunder grave burning skull chaos iron doom",
    "pop": "baby dance kiss tonight summer glitter heartbeat party crush radio",
}
OWN = {genre: text.split(" ") for genre, text in _OWN.items()}
"""Words of each genre; half of a text consists of them."""
_KOREAN = {"trot": "사랑아 인생은 고향의 꽃잎이 나그네 눈물의", "hiphop": "랩을 돈을 래퍼는 힙합은 마이크를 비트를"}
KOREAN = {genre: text.split(" ") for genre, text in _KOREAN.items()}
BPM = {"country": 95.0, "metal": 170.0, "pop": 120.0}
WORDS = 40


def text(genre: str, seed: int, *, own: Sequence[str] | None = None, words: int = WORDS) -> str:
    drawn = random.Random(f"{genre} {seed}")
    vocabulary = own if own is not None else OWN[genre]
    return " ".join(drawn.choice(vocabulary if i % 2 else COMMON) for i in range(words))


def korean_text(genre: str, seed: int) -> str:
    drawn = random.Random(f"{genre} {seed}")
    return " ".join(drawn.choice(KOREAN[genre]) for _ in range(WORDS))


def song(genre: str, number: int) -> TextSong:
    """Two songs in a row are by one artist."""
    return TextSong(text(genre, number), genre, f"{genre} artist {number // 2}", "en", bpm=BPM[genre] + number % 5)


def songs(count: int = 30) -> list[TextSong]:
    return [song(genre, number) for genre in OWN for number in range(count)]


def write_table(path: Path, made: Sequence[TextSong], *, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    def write(file) -> None:  # type: ignore[no-untyped-def]
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(("artist", "title", "genre", "bpm", "text"))
        writer.writerows((one.artist, one.title, one.genre, one.bpm or "", one.text) for one in made)

    if path.suffix == ".gz":
        with gzip.open(path, "wt", encoding=encoding, newline="") as file:
            write(file)
    else:
        with path.open("w", encoding=encoding, newline="") as file:
            write(file)
    return path
