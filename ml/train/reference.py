"""`python -m ml.train.reference`: make the reference catalogue from the research clips."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ml.features.arrays import Floats
from ml.models.genre import top_tags
from ml.models.head import disassemble
from ml.models.logit import softmax
from ml.models.trunk import BY_TAGS
from ml.paths import REFERENCE_FILE
from ml.pipeline import Pipeline, SongAnalysis, load
from ml.similarity.reference import Entry, write
from ml.similarity.vectors import features_version_of, make_vectors
from ml.train.command import command, offline_parser
from ml.train.data.corpus import LONG_SECONDS, read_gtzan_clips, read_rows
from ml.train.similarity.published import EmbeddingFromTags, HarmonyFromTable, read_chroma, read_tags, standardised


def build(shared: Path) -> tuple[list[Entry], str]:
    """Analyse every clip of GTZAN. Genres, artists and titles are the collection's own.

    For a clip of two or three seconds, the published taggram of the whole track gives the trunk output, and the
    published chroma draws the harmony vector, because both give better neighbours (docs/neighbours.md).
    """
    tracks = {row["id"]: row for row in read_rows(shared / "gtzan" / "tracks.csv")}
    tags = read_tags(shared)
    with load() as pipeline:
        analyses = [(example, pipeline.run(example.audio)) for example in read_gtzan_clips(shared)]
        embedding_from_tags = EmbeddingFromTags([analysis.trunk_output for _, analysis in analyses])
        entries = []
        for example, clip_analysis in analyses:
            seconds, analysis = clip_analysis.report.duration_seconds, clip_analysis
            source = f"GTZAN {'clip' if seconds >= LONG_SECONDS else 'cut'} of {seconds:.1f} s"
            if seconds < LONG_SECONDS and example.name in tags:
                trunk_output = embedding_from_tags.trunk_output(tags[example.name])
                analysis = with_taggram(pipeline, clip_analysis, trunk_output)
                source += ", taggram of the whole track"
            report = replace(
                analysis.report,
                title=tracks[example.name]["title"].strip() or example.name,
                artist=tracks[example.name]["artist"].strip() or None,
                genre=replace(analysis.report.genre, top=example.label),
                timeline=(),
                arousal=(),
                timings={},
            )
            packed = analysis.packed()
            entries.append(Entry(f"gtzan:{example.name}", source, report, *packed, *make_vectors(*packed)))
        return with_tables(entries, read_chroma(shared)), features_version_of(pipeline.model.card)


def with_tables(entries: Sequence[Entry], chroma: Mapping[str, Floats]) -> list[Entry]:
    """Draw the harmony vectors of short clips towards the prediction from the published chroma of the whole track.

    The chromagram stays the clip's. After a change of the projection the vector is made from it alone, until the
    reference is built again.
    """
    names = [entry.reference.removeprefix("gtzan:") for entry in entries]
    present = np.array([name in chroma for name in names])
    long = np.array([entry.report.duration_seconds >= LONG_SECONDS for entry in entries])
    tables = standardised(chroma, names)
    vectors = np.stack([np.frombuffer(entry.harmony, "<f4") for entry in entries])
    blended = HarmonyFromTable(tables, vectors, present & long).blend(tables, vectors).astype("<f4")
    result = list(entries)
    for number in np.flatnonzero(present & ~long).tolist():
        source = f"{entries[number].source}, chroma table of the whole track"
        result[number] = replace(entries[number], source=source, harmony=blended[number].tobytes())
    return result


def with_taggram(pipeline: Pipeline, analysis: SongAnalysis, trunk_output: Floats) -> SongAnalysis:
    """The analysis with genres and tags of the whole track, by the part of the head that uses tags alone."""
    model = pipeline.model
    head = disassemble(model.model.head, model.card.settings["tags_alone"])
    probabilities = softmax(head.scores_by_tags(trunk_output[None, BY_TAGS]))[0]
    genre = model.genre(probabilities, analysis.musicality)
    report = replace(analysis.report, genre=genre, tags=top_tags(trunk_output))
    return replace(analysis, report=report, trunk_output=trunk_output[None])


def build_parser() -> argparse.ArgumentParser:
    parser = offline_parser("ml.train.reference", "Make the reference catalogue.")
    parser.add_argument("--output", type=Path, default=REFERENCE_FILE, help="the file to write")
    return parser


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    entries, features_version = build(options.shared)
    write(entries, features_version, options.output)
    print(f"{options.output}: {len(entries)} tracks")


if __name__ == "__main__":
    raise SystemExit(main())
