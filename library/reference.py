"""The reference catalogue that ships: songs to be compared with before somebody has a library.

    python -m library.reference [--shared FOLDER] [--output FILE]

makes it from the research clips: facts and numbers, no sound. `install` lays it into a catalogue at the first start.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from library.catalogue import Catalogue, Descriptor, Heard, Note, Track
from library.digest import describe, description_version, facts, heard_by, keep
from ml.paths import REFERENCE_FILE
from ml.report.schema import Report

if TYPE_CHECKING:
    from ml.pipeline import Ear, Hearing

Floats = npt.NDArray[np.float32]

_NOTE = "reference"
LONG_SECONDS = 14.0
_KAGGLE_NAME = re.compile(r"([a-z]+)\.(\d{5})")


@dataclass(frozen=True)
class Entry:
    """A track of the reference. `source` says what its numbers come from."""

    reference: str
    source: str
    report: Report
    chromagram: bytes
    evidence: bytes
    harmony: bytes
    sound: bytes


def install(catalogue: Catalogue, path: Path = REFERENCE_FILE) -> int:
    """Lay the reference into the catalogue unless just this one is there; how many tracks were written."""
    if not path.is_file():
        return 0
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    stamp = f"{digest} {description_version()}"
    with catalogue.session() as session:
        note = session.get(Note, _NOTE)
        if note is not None and note.value == stamp:
            return 0
        count = 0
        heard_with, entries = read(path)
        # One that somebody linked to a file of theirs stays as it is.
        session.execute(delete(Track).where(Track.reference.is_not(None), Track.path.is_(None)))
        linked = set(session.scalars(select(Track.reference).where(Track.reference.is_not(None))))
        for entry in entries:
            if entry.reference not in linked:
                _add(session, entry, heard_with)
                count += 1
        session.merge(Note(name=_NOTE, value=stamp))
        session.commit()
    return count


def _add(session: Session, entry: Entry, heard_with: str) -> None:
    track = Track(reference=entry.reference, source=entry.source, size=0, mtime_ns=0)
    track.heard_with = heard_with
    for name, value in facts(entry.report).items():
        setattr(track, name, value)
    track.described_with = description_version()
    session.add(track)
    session.flush()
    session.add(Descriptor(track_id=track.id, harmony=entry.harmony, sound=entry.sound))
    session.add(Heard(track_id=track.id, chromagram=entry.chromagram, evidence=entry.evidence))


def reference_of(path: Path) -> str | None:
    """The reference that a file in the usual layout of the collection is: `blues/blues.00042.wav`."""
    found = _KAGGLE_NAME.fullmatch(path.stem)
    return f"gtzan:{path.stem}" if found and path.parent.name == found[1] else None


def write(entries: Sequence[Entry], heard_with: str, path: Path) -> None:
    """One file without pickled objects: texts as JSON bytes, chromagrams end to end with their lengths."""
    rows = [{"reference": e.reference, "source": e.source, "report": e.report.to_dict()} for e in entries]
    told = {"heard_with": heard_with, "described_with": description_version(), "tracks": rows}
    arrays: dict[str, npt.NDArray[Any]] = {
        "facts": np.frombuffer(json.dumps(told, ensure_ascii=False).encode(), np.uint8),
        "chromagrams": np.frombuffer(b"".join(entry.chromagram for entry in entries), np.uint8),
        "lengths": np.array([len(entry.chromagram) for entry in entries], np.int64),
        **{
            name: np.stack([np.frombuffer(getattr(entry, name), kind) for entry in entries])
            for name, kind in (("evidence", np.uint8), ("harmony", "<f4"), ("sound", "<f4"))
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read(path: Path = REFERENCE_FILE) -> tuple[str, Iterator[Entry]]:
    """What heard the entries, and the entries; their vectors are made anew where the projection has changed."""
    with np.load(path, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    told = json.loads(arrays["facts"].tobytes())
    ends = np.cumsum(arrays["lengths"]).tolist()
    current = told["described_with"] == description_version()

    def entries() -> Iterator[Entry]:
        for number, (row, end) in enumerate(zip(told["tracks"], ends, strict=True)):
            start = end - int(arrays["lengths"][number])
            chromagram = arrays["chromagrams"][start:end].tobytes()
            evidence = arrays["evidence"][number].tobytes()
            vectors = [arrays[name][number].astype("<f4").tobytes() for name in ("harmony", "sound")]
            harmony, sound = vectors if current else describe(chromagram, evidence)[:2]
            report = Report.from_dict(row["report"])
            yield Entry(row["reference"], row["source"], report, chromagram, evidence, harmony, sound)

    return told["heard_with"], entries()


def build(shared: Path) -> tuple[list[Entry], str]:
    """Hear every clip of the collection. Genres are the collection's own labels, artists and titles its index's.

    Where a cut is all there is, the published taggram of the whole track gives the evidence, and the published chroma
    draws the harmony vector, because both serve better (docs/neighbours.md).
    """
    from ml.pipeline import load
    from ml.train.data.corpus import read_gtzan_clips, read_rows
    from ml.train.similarity.published import Imputation, read_chroma, read_tags

    named = {row["id"]: row for row in read_rows(shared / "gtzan" / "tracks.csv")}
    tags = read_tags(shared)
    with load() as ear:
        heard = [(example, ear.hear(example.audio)) for example in read_gtzan_clips(shared)]
        imputation = Imputation([hearing.evidence for _, hearing in heard])
        entries = []
        for example, hearing in heard:
            long = hearing.report.duration_seconds >= LONG_SECONDS
            source = f"GTZAN {'clip' if long else 'cut'} of {hearing.report.duration_seconds:.1f} s"
            if not long and example.name in tags:
                evidence = imputation.evidence(tags[example.name])
                report = judge_taggram(ear, hearing, evidence)
                hearing = replace(hearing, report=report, evidence=evidence[None])
                source += ", taggram of the whole track"
            row = named[example.name]
            report = replace(
                hearing.report,
                title=row["title"].strip() or example.name,
                artist=row["artist"].strip() or None,
                genre=replace(hearing.report.genre, top=example.label),
                timeline=(),
                arousal=(),
                timings={},
            )
            chromagram, kept = keep(hearing)
            vectors = describe(chromagram, kept)[:2]
            entries.append(Entry(f"gtzan:{example.name}", source, report, chromagram, kept, *vectors))
        return with_tables(entries, read_chroma(shared)), heard_by(ear.model.card)


def with_tables(entries: Sequence[Entry], chroma: Mapping[str, Floats]) -> list[Entry]:
    """Harmony vectors of cuts drawn towards what the published chroma of the whole track leads one to expect.

    The chromagram stays the cut's: where the projection changes, the cut alone speaks until the reference is made anew.
    """
    from ml.train.similarity.published import ChordImputation, invariants, standardise

    names = [entry.reference.removeprefix("gtzan:") for entry in entries]
    there = np.array([name in chroma for name in names])
    long = np.array([entry.report.duration_seconds >= LONG_SECONDS for entry in entries])
    rows = np.stack([invariants(chroma.get(name, np.ones(24, np.float32))) for name in names])
    tables = standardise(rows, there)
    vectors = np.stack([np.frombuffer(entry.harmony, "<f4") for entry in entries])
    blended = ChordImputation(tables, vectors, there & long).blend(tables, vectors)
    return [
        replace(
            entry,
            source=f"{entry.source}, chroma table of the whole track",
            harmony=vector.astype("<f4").tobytes(),
        )
        if has and not whole
        else entry
        for entry, vector, has, whole in zip(entries, blended, there, long, strict=True)
    ]


def judge_taggram(ear: Ear, hearing: Hearing, evidence: Floats) -> Report:
    """The report with genres and tags of the whole track: by the part of the head that looks at tags alone."""
    from ml.models.genre import BY_TAGS, tags_of
    from ml.models.head import disassemble, softmax

    model = ear.model
    head = disassemble(model.model.head, model.card.settings["tags_alone"])
    probabilities = softmax(head.scores_by_tags(evidence[None, BY_TAGS]))[0]
    genre = model.genre(probabilities, hearing.musicality)
    return replace(hearing.report, genre=genre, tags=tags_of(evidence))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m library.reference", description="Make the reference catalogue."
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument("--output", type=Path, default=REFERENCE_FILE, help="the file to write")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    entries, heard_with = build(arguments.shared)
    write(entries, heard_with, arguments.output)
    print(f"{len(entries)} tracks are in {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
