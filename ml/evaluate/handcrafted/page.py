"""docs/features.md: our hand-crafted features beside published ones, column by column."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ml.evaluate import markdown
from ml.evaluate.handcrafted.agreement import Compared

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


def write(compared: Mapping[str, Compared]) -> str:
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
