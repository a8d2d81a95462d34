"""The plots of the lab's page: what features look like, which of them count, how networks learn, what is confused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.evaluate import plots
from ml.evaluate.classic.measure import Examined, best
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


def draw(folder: Path, examined: Sequence[Examined], tables: FeatureTable | None) -> dict[str, str]:
    """Write the plots into `folder`; their file names by what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, Any] = {}
    names = {}
    with plots.styled() as pyplot:
        for source, split in (("tables", "filtered"), ("tables", "leaky"), ("clips", "filtered")):
            if (one := best(examined, source, split)) is not None:
                drawn[f"confusion-{source}-{split}"] = plots.confusion(one.prediction, "the model's answer")
        if (one := best(examined, "tables", "filtered")) is not None:
            drawn["precision-recall"] = plots.precision_recall(one.prediction)
        if curves := [one for one in examined if "history" in one.card.metrics and one.split != "leaky"]:
            drawn["learning"] = learning(curves)
        if trees := [one for one in examined if one.card.kind == "forest" and one.split == "filtered"]:
            drawn["importances"] = importances(trees[-1])
        if tables is not None:
            drawn["distributions"] = distributions(tables)
        for what, figure in drawn.items():
            names[what] = f"lab-{what}.svg"
            metadata = {"Date": None, "Creator": "python -m ml.evaluate --all"}
            figure.savefig(folder / names[what], metadata=metadata)
            pyplot.close(figure)
    return names


def learning(curves: Sequence[Examined]) -> Any:
    """Right answers over epochs, for what is learnt from and for songs held out."""
    figure, grid = plots.axes_of(4.6 * len(curves), 3.4, 1, len(curves), sharey=True, squeeze=False)
    for one, axes in zip(curves, grid.flat, strict=True):
        history = one.card.metrics["history"]
        epochs = np.arange(1, len(history) + 1)
        axes.plot(epochs, [step["learn"] for step in history], color=ORANGE, label="windows learnt from")
        axes.plot(epochs, [step["valid"] for step in history], color=BLUE, label="songs held out")
        axes.axvline(one.card.metrics["best_epoch"], color=INK, linewidth=0.8, linestyle=(0, (4, 4)))
        axes.set(title=f"{one.card.kind}, {one.split}", xlabel="epoch", ylim=(0, 1))
        axes.grid()
    grid.flat[0].set_ylabel("share that is right")
    grid.flat[0].legend(loc="upper left", frameon=False, fontsize=9)
    return figure


def importances(one: Examined) -> Any:
    """What the forest's splits gain by, the most important features first."""
    gains = one.model[-1].feature_importances_
    order = np.argsort(gains)[-MOST_IMPORTANT:]
    figure, axes = plots.axes_of(7.2, 0.6 + 0.28 * len(order))
    axes.barh(np.arange(len(order)), gains[order], color=BLUE)
    axes.set_yticks(np.arange(len(order)), [one.names[place].split(":")[-1] for place in order])
    axes.set(xlabel="share of the forest's gain")
    axes.grid(axis="x")
    return figure


def distributions(tables: FeatureTable) -> Any:
    """Box plots of a few features over the genres, over all songs of the published tables."""
    short = {name.split(":")[-1]: place for place, name in reversed(list(enumerate(tables.names)))}
    shown = [(short[name], title) for name, title in SHOWN if name in short]
    labels = sorted(set(tables.labels.tolist()))
    figure, grid = plots.axes_of(10.0, 2.5 * -(-len(shown) // 2), -(-len(shown) // 2), 2, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for (place, title), axes in zip(shown, grid.flat, strict=False):
        values = [tables.features[tables.labels == label, place] for label in labels]
        axes.boxplot(
            values, showfliers=False, patch_artist=True, widths=0.6,
            boxprops={"facecolor": BLUE, "alpha": 0.35}, medianprops={"color": INK},
        )  # fmt: skip
        axes.set_xticks(range(1, len(labels) + 1), labels, rotation=45, ha="right", fontsize=9)
        axes.set_title(title, fontsize=10.5)
        axes.grid(axis="y")
    return figure
