"""What there is to learn from: labelled songs, each with the artist who must not stand on both sides of a split.

Two kinds of source: any folder with one sub-folder per genre, and the research collections that the shipped model
was trained on (GTZAN as audio clips and as published taggrams, Emotify).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.audio.folders import find_audio
from ml.features.arrays import Floats
from ml.report.errors import SoriError

GTZAN, EMOTIFY, FOLDER = "gtzan", "emotify", "folder"
TAGGRAM_SPLITS = ("train", "test")


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
            raise ValueError(f"{self.name} is a taggram, there is no audio of it")
        return self.path


def read_folder(folder: Path) -> list[Example]:
    """One sub-folder per genre; the folder's name is the label. Artists are unknown: each song stands alone."""
    genres = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    examples = [
        Example(str(file.relative_to(folder)), genre.name, str(file), FOLDER, "train", file)
        for genre in genres
        for file in find_audio([genre])
    ]
    if len({example.label for example in examples}) < 2:
        raise CorpusError(folder=str(folder))
    return examples


def read_gtzan_clips(shared: Path) -> list[Example]:
    """Audio of 569 GTZAN tracks, with the fault-filtered split of each (train, valid, test, or excluded by it)."""
    artists = read_artists(shared)
    return [
        Example(
            row["id"], row["genre"], artists[row["id"]], GTZAN, row["split"], shared / "gtzan" / row["file"]
        )
        for row in read_rows(shared / "gtzan" / "clips.csv")
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


def read_emotify(shared: Path, labels: set[str]) -> list[Example]:
    """The clips of Emotify whose genre is one of `labels`."""
    return [
        Example(path.stem, path.stem.split(".")[0], path.stem, EMOTIFY, "train", path)
        for path in sorted((shared / "emotify" / "clips").glob("*.ogg"))
        if path.stem.split(".")[0] in labels
    ]


def read_research(shared: Path, *, with_emotify: bool = True) -> list[Example]:
    """Everything under `shared` that the shipped model may learn from: no test song, and nobody who plays in one."""
    if not (shared / "gtzan" / "clips.csv").is_file():
        raise CorpusError(folder=str(shared))
    clips = read_gtzan_clips(shared)
    test = [clip for clip in clips if clip.split == "test"] + read_taggrams(shared, "test")
    learnt = [clip for clip in clips if clip.split != "test"] + read_taggrams(shared, "train")
    learnt = without_artists_of(learnt, test)
    if with_emotify:
        learnt += read_emotify(shared, {example.label for example in learnt})
    return learnt


def read_speech(shared: Path) -> list[Path]:
    """Recordings of people who speak, without music."""
    rows = read_rows(shared / "speech" / "transcripts.csv")
    return [shared / "speech" / row["file"] for row in rows if row["kind"] == "speech"]


def read_artists(shared: Path) -> dict[str, str]:
    """Artist of every GTZAN track; an unknown one stands alone under the track's own name."""
    rows = read_rows(shared / "gtzan" / "tracks.csv")
    return {row["id"]: row["artist"].strip().casefold() or row["id"] for row in rows}


def without_artists_of(examples: list[Example], held_out: list[Example]) -> list[Example]:
    """Leave out whoever also plays in `held_out`: a track that the filter excluded may be a copy of a test track."""
    artists = {example.artist for example in held_out}
    return [example for example in examples if example.artist not in artists]


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
