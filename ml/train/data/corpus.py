"""First step of training: read labelled songs, each with the artist that a split must keep on one side.

There are two kinds of source: any folder with one sub-folder per genre, and the research collections that the shipped
models are trained on (GTZAN as audio clips and as published taggrams, Emotify).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from ml.audio.folders import find_audio
from ml.features.arrays import Floats
from ml.report.errors import SoriError
from ml.report.progress import counted, show_progress

GTZAN, EMOTIFY, FOLDER = "gtzan", "emotify", "folder"
TAGGRAM_SPLITS = ("train", "test")
LONG_SECONDS = 14.0
"""Clips from this length on contain enough music for tempo, key and similarity to be measured on them."""

Result = TypeVar("Result")


class CorpusError(SoriError):
    code = "corpus"
    sentence = "There is nothing to learn from in {folder}. It must hold a sub-folder of songs per genre, at least two."


@dataclass(frozen=True)
class Example:
    """A labelled song: either audio on disk (`path`) or a published `taggram` (windows, tags)."""

    name: str
    label: str
    artist: str
    collection: str
    split: str
    path: Path | None = None
    taggram: Floats | None = None

    @property
    def audio(self) -> Path:
        if self.path is None:
            raise ValueError(f"{self.name} is a taggram without audio")
        return self.path


def process_examples(
    examples: Sequence[Example], process: Callable[[Example], Result], step: str
) -> Iterator[tuple[Example, Result]]:
    """The result of each example. A file that cannot be read is reported and left out."""
    for example in counted(examples, step):
        try:
            result = process(example)
        except SoriError as error:
            show_progress(f"left out {example.audio.name}: {error}\n")
        else:
            yield example, result


def read_folder(folder: Path, *, least_genres: int = 2) -> list[Example]:
    """Songs in one sub-folder per genre, whose name is the label. Artists are unknown: each song is its own artist.

    A song is named by its file without the suffix, or by its path where two files have the same name.
    """
    genres = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    files = {file: genre.name for genre in genres for file in find_audio([genre])}
    if len(set(files.values())) < least_genres:
        raise CorpusError(folder=str(folder))
    unique = len({file.stem for file in files}) == len(files)
    return [
        Example(file.stem if unique else str(file.relative_to(folder)), genre, str(file), FOLDER, "train", file)
        for file, genre in files.items()
    ]


def read_gtzan_clips(shared: Path) -> list[Example]:
    """Audio of 569 GTZAN tracks, with the fault-filtered split of each (train, valid, test, or excluded by it)."""
    gtzan, artists = shared / "gtzan", read_artists(shared)
    return [
        Example(row["id"], row["genre"], artists[row["id"]], GTZAN, row["split"], gtzan / row["file"])
        for row in read_rows(gtzan / "clips.csv")
    ]


def read_taggrams(shared: Path, split: str) -> list[Example]:
    """The published tag probabilities of whole tracks of one split."""
    artists = read_artists(shared)
    with np.load(shared / "gtzan" / "taggrams" / f"{split}_filtered.npz", allow_pickle=False) as arrays:
        files, taggrams = arrays["IDS"], arrays["X"]
    names = np.array([Path(str(file)).stem for file in files])
    return [
        Example(name, name.split(".")[0], artists[name], GTZAN, split, taggram=taggrams[names == name])
        for name in dict.fromkeys(names.tolist())
    ]


def read_split(shared: Path, side: str) -> set[str]:
    """Track names of one side (train, valid, test) of GTZAN's fault-filtered split (Kereliuk, Sturm & Larsen 2015)."""
    listing = shared / "gtzan" / "splits" / f"{side}_filtered.txt"
    return {Path(line).stem for line in listing.read_text(encoding="utf-8").split()}


def read_artists(shared: Path) -> dict[str, str]:
    """Artist of every GTZAN track; an unknown one stands alone under the track's own name."""
    rows = read_rows(shared / "gtzan" / "tracks.csv")
    return {row["id"]: row["artist"].strip().casefold() or row["id"] for row in rows}


def read_emotify(shared: Path, labels: set[str]) -> list[Example]:
    """The clips of Emotify whose genre is one of `labels`."""
    return [
        Example(path.stem, path.stem.split(".")[0], path.stem, EMOTIFY, "train", path)
        for path in sorted((shared / "emotify" / "clips").glob("*.ogg"))
        if path.stem.split(".")[0] in labels
    ]


def read_research(shared: Path, *, with_emotify: bool = True) -> list[Example]:
    """All songs that the shipped model may be trained on: no test song, and no song by the artist of one.

    A track that the filter excluded may be a copy of a test track, so artists are compared, not names.
    """
    if not (shared / "gtzan" / "clips.csv").is_file():
        raise CorpusError(folder=str(shared))
    clips = read_gtzan_clips(shared)
    test = [clip for clip in clips if clip.split == "test"] + read_taggrams(shared, "test")
    others = [clip for clip in clips if clip.split != "test"] + read_taggrams(shared, "train")
    test_artists = {example.artist for example in test}
    training = [example for example in others if example.artist not in test_artists]
    if with_emotify:
        training += read_emotify(shared, {example.label for example in training})
    return training


def read_speech(shared: Path) -> list[Path]:
    """Recordings of speech without music."""
    rows = read_rows(shared / "speech" / "transcripts.csv")
    return [shared / "speech" / row["file"] for row in rows if row["kind"] == "speech"]


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a table with a header: fields divided by tabs in a .tsv, else by commas."""
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
