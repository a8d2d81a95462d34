"""docs/lab.md, written from the figures. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Sequence

from ml.evaluate import markdown
from ml.evaluate.markdown import MISSING, decimal, figure, image, table
from ml.train.metrics import Figures

ByKind = dict[str, dict[str, Figures]]
"""The figures of each kind of model by split."""

SPLITS = ("leaky", "random", "filtered")
SOURCES = {"tables": "Published tables of hand-crafted features", "clips": "Audio clips"}
ABOUT = {
    "tables": """990 whole tracks, `features_30_sec.csv` joined with `features_chroma_30_sec.tsv`; leaky: 2970 pieces of
ten seconds, `features_10_sec.tsv`. Such a model can be measured, but it cannot analyse an audio file.""",
    "clips": """569 tracks, most of them three seconds long. There are fewer songs than above and less of each, so
the two groups of tables cannot be compared with each other. These models analyse audio files; `SORI_GENRE_WEIGHTS`
selects one. `transfer` is the shipped model: it was also trained on whole tracks, as taggrams, and its trunk on a
million songs. The leaky `svm` is left out, because the weight files in the repository stay below 8 MB together.
Times were measured once, on the machine that wrote this page.""",
}
CAPTIONS = {
    "distributions": "Distribution of some features by genre, over all songs of the tables",
    "importances": "The features that contribute most to the random forest",
    "learning": "Learning curves of the networks; the dashed line marks the best epoch",
    "confusion-tables-filtered": "Confusion matrix of {tables-filtered} on the fault-filtered split",
    "confusion-tables-leaky": "Confusion matrix of {tables-leaky} on the leaky split, for comparison",
    "confusion-clips-filtered": "Confusion matrix of {clips-filtered} on clips, fault-filtered split",
    "precision-recall": "Precision and recall of each genre: {tables-filtered} on the fault-filtered split",
}
INTRODUCTION = """This page compares common genre classifiers on equal terms. `python -m ml.train --model all` trains
them all; `python -m ml.evaluate --all` writes this page from the weight files in `weight/lab/` and trains nothing.
Hyper-parameters were chosen by cross-validation on training songs, grouped by artist where the split is. Each model
is measured once on the test side of its split, here. Square brackets hold 95% bootstrap intervals. `discriminant`
was added after the others had been measured, because of its cross-validation figures.

- **leaky**: pieces of songs are divided at random, so most songs are in both training and test data. Many published
  figures were obtained like this; they measure how well a recording is recognised. These models take the features as
  they are; the others take logarithms of measures of spread, and chroma without the song's key.
- **random**: whole songs are divided at random. Songs of one artist, and copies of a song, can be on both sides.
- **filtered**: GTZAN's fault-filtered split, without any artist on both sides (Kereliuk, Sturm & Larsen 2015). This
  is what to expect for a new song."""


def write(figures: Sequence[Figures], drawn: dict[str, str], chosen: dict[str, str]) -> str:
    """`drawn`: file names in images/ by plot name; `chosen`: the model that is plotted, by source and split."""
    parts = [INTRODUCTION]
    for source, title in SOURCES.items():
        models = [model for model in figures if model["source"] == source]
        if models:
            by_kind: ByKind = {}
            for model in models:
                by_kind.setdefault(model["kind"], {})[model["split"]] = model
            parts += [f"## {title}", ABOUT[source], _accuracy(by_kind), _f1(by_kind), _costs(by_kind, source)]
    captions = {name: caption.format_map(chosen) for name, caption in CAPTIONS.items() if name in drawn}
    shown = [line for name, text in captions.items() for line in (f"{text}.", image(text, drawn[name]))]
    return markdown.page("The lab", "python -m ml.evaluate --all", *parts, "## Plots", *shown)


def _accuracy(by_kind: ByKind) -> str:
    rows = [
        (
            f"`{kind}`",
            *(figure(splits[split], bold=split == "filtered") if split in splits else MISSING for split in SPLITS),
        )
        for kind, splits in by_kind.items()
    ]
    counts = [
        next((str(splits[split]["n"]) for splits in by_kind.values() if split in splits), MISSING) for split in SPLITS
    ]
    return table(["accuracy", *(f"{split}, n = {n}" for split, n in zip(SPLITS, counts, strict=True))], rows)


def _f1(by_kind: ByKind) -> str:
    rows = []
    for kind, splits in by_kind.items():
        held_out = splits.get("filtered", {}).get("held_out", {})
        f1 = (decimal(splits[split]["macro_f1"]) if split in splits else MISSING for split in SPLITS)
        rows.append((f"`{kind}`", *f1, decimal(held_out.get("accuracy"))))
    return table(["macro F1", *SPLITS, "held-out accuracy in training, filtered"], rows)


def _costs(by_kind: ByKind, source: str) -> str:
    head = ["cost", "training with hyper-parameter search", "weight file"]
    if source == "clips":
        head.append("half a minute of music, file to answer")
    rows = []
    for kind, splits in by_kind.items():
        model = splits.get("filtered") or next(iter(splits.values()))
        seconds, milliseconds = model.get("train_seconds"), model["milliseconds"]
        row = [
            f"`{kind}`",
            MISSING if seconds is None else f"{seconds:.0f} s",
            f"{model['kilobytes']} kB",
            MISSING if milliseconds is None else f"{milliseconds:.0f} ms",
        ]
        rows.append(row[: len(head)])
    return table(head, rows)
