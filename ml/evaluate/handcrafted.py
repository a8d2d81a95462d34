"""`python -m ml.evaluate.handcrafted`: hand-crafted features beside two published tables of GTZAN, in docs/features.md.

Every column is compared on whole clips. The tables were computed from the WAV files, ours from the clips that are
available. The page says which columns cannot agree, and why.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ml.evaluate import markdown
from ml.features.arrays import Doubles, Floats
from ml.features.handcrafted.extraction import NAMES, extract
from ml.paths import DOCS_FOLDER
from ml.report.progress import counted
from ml.train.classic.datasets import CACHE_FOLDER
from ml.train.command import command, offline_parser
from ml.train.data.corpus import read_rows
from ml.train.data.feature_tables import read_table
from ml.train.files import Cache

RATE = 22_050
WHOLE_SECONDS = 29.0
SECONDS = {"features_30_sec.csv": None, "features_chroma_30_sec.tsv": None, "features_10_sec.tsv": 10}
"""The tables, and the length of the pieces that each describes; None: whole tracks."""
RENAMED = {
    "spectral_centroid": "centroid", "spectral_bandwidth": "bandwidth", "spectral_rolloff": "rolloff",
    "spectral_flatness": "flatness", "zero_cross_rate": "zero_crossing_rate", "rmse": "rms",
    "harmony": "harmonic", "perceptr": "percussive",
}  # fmt: skip
INTRODUCTION = """Two tables of hand-crafted features of GTZAN are published, and much of the literature on that
collection rests on them. This page compares Sori's features of the same songs: clips of 29 s or longer, without
copies at 8 kHz, at 22050 Hz like the tables. *Correlation* is over the clips, *error* is the median relative error,
*within 1%* is the share of clips whose values differ by less than that."""
NEAR_ZERO = "Relative errors of means near zero are large although the numbers agree, as the correlation shows."
REMARKS = {
    "features_30_sec.csv": f"""The Kaggle table. Its tempo differs for two songs of ten, by no simple factor; how it
was computed is not published, and the other table's tempo agrees throughout. `harmony_mean` and `perceptr_mean` are
means of waveforms, so they are zero except for rounding and the recording's offset. {NEAR_ZERO}""",
    "features_chroma_30_sec.tsv": f"Its columns called `var` hold standard deviations. {NEAR_ZERO}",
    "features_10_sec.tsv": f"The same for three pieces of ten seconds, each with its own spectrum. {NEAR_ZERO}",
}
Row = dict[str, float]


@dataclass(frozen=True)
class Agreement:
    """One column over all clips: correlation, median relative error, share of clips within one per cent."""

    column: str
    correlation: float
    error: float
    within: float


Compared = tuple[int, list[Agreement]]
"""How many clips were compared, and the columns."""


def column_value(row: Row, column: str, *, deviations: bool) -> float:
    """Our number for a published column. With `deviations` the table's "var" is a standard deviation."""
    if column == "tempo":
        return row["tempo"]
    name, measure = column.rsplit("_", 1)
    name = re.sub(r"^mfcc_?(\d+)$", r"mfcc_\1", re.sub(r"^chroma_stft_(\d+)$", r"chroma_\1", name))
    name = RENAMED.get(name, name)
    if name in ("chroma_stft", "spectral_contrast"):  # one number over all bins and frames
        prefix = "chroma_" if name == "chroma_stft" else "contrast_"
        means = np.array([row[key] for key in row if re.fullmatch(rf"{prefix}\d+_mean", key)])
        variances = np.array([row[key] for key in row if re.fullmatch(rf"{prefix}\d+_var", key)])
        mean, variance = float(means.mean()), float(variances.mean() + means.var())
    else:
        mean, variance = row[f"{name}_mean"], row[f"{name}_var"]
    if measure == "mean":
        return mean
    return variance**0.5 if deviations else variance


def compare(shared: Path, table: str, cache: Cache) -> Compared:
    seconds, published = SECONDS[table], read_table(shared / "gtzan" / table)
    indices: dict[str, list[int]] = {}
    for index, song in enumerate(published.songs.tolist()):
        indices.setdefault(song, []).append(index)
    ours: list[list[float]] = []
    theirs: list[Floats] = []
    clips = [(name, path) for name, path in whole_clips(shared) if name in indices]
    for name, path in counted(clips, f"{table}:"):
        rows = cache.get(f"agreement|{path.stat().st_size}|{name}|{seconds}", partial(_rows, path, seconds))
        for row, index in zip(rows, indices[name], strict=False):
            values = dict(zip(NAMES, row.tolist(), strict=True))
            ours.append([column_value(values, c, deviations=table.endswith("tsv")) for c in published.names])
            theirs.append(published.features[index])
    columns = zip(published.names, np.array(ours).T, np.array(theirs, np.float64).T, strict=True)
    return len(clips), [_agreement(name, own, other) for name, own, other in columns]


def whole_clips(shared: Path) -> list[tuple[str, Path]]:
    """Clips of the whole track at the sample rate of the tables or above; copies at 8 kHz are left out."""
    return [
        (row["id"], shared / "gtzan" / row["file"])
        for row in read_rows(shared / "gtzan" / "clips.csv")
        if float(row["seconds"]) >= WHOLE_SECONDS and int(row["sample_rate"]) >= RATE
    ]


def _rows(path: Path, seconds: int | None) -> Floats:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    mono = mono if rate == RATE else soxr.resample(mono, rate, RATE)
    if seconds is None:
        return extract(mono, RATE).row()[None]
    step = seconds * RATE
    return np.stack([extract(mono[start : start + step], RATE).row() for start in range(0, 3 * step, step)])


def _agreement(name: str, own: Doubles, other: Doubles) -> Agreement:
    error = np.abs(own - other) / np.maximum(np.abs(other), 1e-9)
    correlation = float(np.corrcoef(own, other)[0, 1])
    return Agreement(name, correlation, float(np.median(error)), float(np.mean(error < 0.01)))


def write(compared: Mapping[str, Compared]) -> str:
    """docs/features.md."""
    parts = []
    for name, (clips, columns) in compared.items():
        correlation = np.median([column.correlation for column in columns])
        error = np.median([column.error for column in columns])
        rows = [(c.column, f"{c.correlation:.4f}", f"{c.error:.2%}", f"{c.within:.0%}") for c in columns]
        parts += [
            f"## {name}",
            REMARKS[name],
            f"{clips} clips. Medians over the columns: correlation {correlation:.4f}, error {error:.2%}.",
            markdown.table(("column", "correlation", "error", "within 1%"), rows),
        ]
    title = "Hand-crafted features beside the published tables"
    return markdown.page(title, "python -m ml.evaluate.handcrafted", INTRODUCTION, *parts)


def build_parser() -> argparse.ArgumentParser:
    return offline_parser(
        "ml.evaluate.handcrafted",
        "Compare hand-crafted features with the published tables of GTZAN, and write docs/features.md.",
        cache=CACHE_FOLDER,
    )


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    cache = Cache(options.cache)
    compared = {table: compare(options.shared, table, cache) for table in SECONDS}
    markdown.save(DOCS_FOLDER / "features.md", write(compared))


if __name__ == "__main__":
    raise SystemExit(main())
