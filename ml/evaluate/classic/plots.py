"""Plots of the lab's page: feature distributions and importances, learning curves, confusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ml.evaluate import plots
from ml.evaluate.classic.measure import ModelResult, best
from ml.evaluate.plots import BLUE, INK, ORANGE
from ml.train.data.feature_tables import FeatureTable

MOST_IMPORTANT = 16
SHOWN = (
    ("spectral_centroid_mean", "brightness (centroid, Hz)"),
    ("rms_mean", "loudness (RMS)"),
    ("zero_crossing_rate_mean", "zero crossings"),
    ("mfcc1_mean", "first MFCC"),
    ("spectral_contrast_mean", "contrast (dB)"),
    ("chroma_wave_1_mean", "bias to one side of the circle of semitones"),
)


def draw(folder: Path, results: Sequence[ModelResult], tables: FeatureTable | None) -> dict[str, str]:
    """Write the plots into `folder`; their file names by plot name."""
    drawn: dict[str, Callable[[], Any]] = {}
    for source, split in (("tables", "filtered"), ("tables", "leaky"), ("clips", "filtered")):
        if (result := best(results, source, split)) is not None:
            name = f"confusion-{source}-{split}"
            drawn[name] = partial(plots.confusion, result.predictions, "the model's answer")
    if (result := best(results, "tables", "filtered")) is not None:
        drawn["precision-recall"] = partial(plots.precision_recall, result.predictions)
    if curves := [one for one in results if "history" in one.card.metrics and one.split != "leaky"]:
        drawn["learning"] = partial(learning, curves)
    if forests := [one for one in results if one.card.kind == "forest" and one.split == "filtered"]:
        drawn["importances"] = partial(importances, forests[-1])
    if tables is not None:
        drawn["distributions"] = partial(distributions, tables)
    return plots.save(folder, "lab", "python -m ml.evaluate --all", drawn)


def learning(results: Sequence[ModelResult]) -> Any:
    """Accuracy by epoch on training windows and held-out songs."""
    figure, grid = plots.axes_of(4.6 * len(results), 3.4, 1, len(results), sharey=True, squeeze=False)
    for result, axes in zip(results, grid.flat, strict=True):
        history = result.card.metrics["history"]
        epochs = np.arange(1, len(history) + 1)
        axes.plot(epochs, [step["learn"] for step in history], color=ORANGE, label="training windows")
        axes.plot(epochs, [step["valid"] for step in history], color=BLUE, label="held-out songs")
        axes.axvline(result.card.metrics["best_epoch"], color=INK, linewidth=0.8, linestyle=(0, (4, 4)))
        axes.set(title=f"{result.card.kind}, {result.split}", xlabel="epoch", ylim=(0, 1))
        axes.grid()
    grid.flat[0].set_ylabel("accuracy")
    grid.flat[0].legend(loc="upper left", frameon=False, fontsize=9)
    return figure


def importances(forest: ModelResult) -> Any:
    """Gain of the forest's splits by feature, the most important features first."""
    gains = forest.model[-1].feature_importances_
    order = np.argsort(gains)[-MOST_IMPORTANT:]
    figure, axes = plots.axes_of(7.2, 0.6 + 0.28 * len(order))
    axes.barh(np.arange(len(order)), gains[order], color=BLUE)
    axes.set_yticks(np.arange(len(order)), [forest.names[index].split(":")[-1] for index in order])
    axes.set(xlabel="share of the forest's gain")
    axes.grid(axis="x")
    return figure


def distributions(tables: FeatureTable) -> Any:
    """Box plots of a few features by genre, over all songs of the published tables."""
    columns = {name.split(":")[-1]: column for column, name in reversed(list(enumerate(tables.names)))}
    shown = [(columns[name], title) for name, title in SHOWN if name in columns]
    labels = sorted(set(tables.labels.tolist()))
    figure, grid = plots.axes_of(10.0, 2.5 * -(-len(shown) // 2), -(-len(shown) // 2), 2, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for (column, title), axes in zip(shown, grid.flat, strict=False):
        values = [tables.features[tables.labels == label, column] for label in labels]
        axes.boxplot(
            values, showfliers=False, patch_artist=True, widths=0.6,
            boxprops={"facecolor": BLUE, "alpha": 0.35}, medianprops={"color": INK},
        )  # fmt: skip
        axes.set_xticks(range(1, len(labels) + 1), labels, rotation=45, ha="right", fontsize=9)
        axes.set_title(title, fontsize=10.5)
        axes.grid(axis="y")
    return figure
