"""Makes the reference catalogue from the research clips: `python -m ml.train.reference`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ml.features.arrays import Floats
from ml.models.genre import BY_TAGS, top_tags
from ml.models.head import disassemble
from ml.models.logit import softmax
from ml.paths import REFERENCE_FILE
from ml.pipeline import Pipeline, SongAnalysis, load
from ml.report.schema import Report
from ml.similarity.reference import Entry, write
from ml.similarity.vectors import features_version_of, make_vectors
from ml.train.data.corpus import read_gtzan_clips, read_rows
from ml.train.similarity.published import (
    ChordImputation,
    Imputation,
    invariants,
    read_chroma,
    read_tags,
    standardise,
)

LONG_SECONDS = 14.0


def build(shared: Path) -> tuple[list[Entry], str]:
    """Hear every clip of the collection. Genres are the collection's own labels, artists and titles its index's.

    Where a cut is all there is, the published taggram of the whole track gives the evidence, and the published chroma
    draws the harmony vector, because both serve better (docs/neighbours.md).
    """

    named = {row["id"]: row for row in read_rows(shared / "gtzan" / "tracks.csv")}
    tags = read_tags(shared)
    with load() as pipeline:
        heard = [(example, pipeline.run(example.audio)) for example in read_gtzan_clips(shared)]
        imputation = Imputation([song_analysis.trunk_output for _, song_analysis in heard])
        entries = []
        for example, song_analysis in heard:
            long = song_analysis.report.duration_seconds >= LONG_SECONDS
            source = f"GTZAN {'clip' if long else 'cut'} of {song_analysis.report.duration_seconds:.1f} s"
            if not long and example.name in tags:
                trunk_output = imputation.trunk_output(tags[example.name])
                report = predict_taggram(pipeline, song_analysis, trunk_output)
                song_analysis = replace(song_analysis, report=report, trunk_output=trunk_output[None])
                source += ", taggram of the whole track"
            row = named[example.name]
            report = replace(
                song_analysis.report,
                title=row["title"].strip() or example.name,
                artist=row["artist"].strip() or None,
                genre=replace(song_analysis.report.genre, top=example.label),
                timeline=(),
                arousal=(),
                timings={},
            )
            chromagram, kept = song_analysis.packed()
            vectors = make_vectors(chromagram, kept)[:2]
            entries.append(Entry(f"gtzan:{example.name}", source, report, chromagram, kept, *vectors))
        return with_tables(entries, read_chroma(shared)), features_version_of(pipeline.model.card)


def with_tables(entries: Sequence[Entry], chroma: Mapping[str, Floats]) -> list[Entry]:
    """Harmony vectors of cuts drawn towards what the published chroma of the whole track leads one to expect.

    The chromagram stays the cut's: where the projection changes, the cut alone speaks until the reference is made anew.
    """

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


def predict_taggram(pipeline: Pipeline, song_analysis: SongAnalysis, trunk_output: Floats) -> Report:
    """The report with genres and tags of the whole track: by the part of the head that looks at tags alone."""

    model = pipeline.model
    head = disassemble(model.model.head, model.card.settings["tags_alone"])
    probabilities = softmax(head.scores_by_tags(trunk_output[None, BY_TAGS]))[0]
    genre = model.genre(probabilities, song_analysis.musicality)
    return replace(song_analysis.report, genre=genre, tags=top_tags(trunk_output))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.train.reference", description="Make the reference catalogue."
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument("--output", type=Path, default=REFERENCE_FILE, help="the file to write")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    entries, features_version = build(arguments.shared)
    write(entries, features_version, arguments.output)
    print(f"{len(entries)} tracks are in {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
