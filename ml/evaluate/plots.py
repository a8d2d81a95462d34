"""The plots of the accuracy page: the same figures give the same files, byte for byte.

A solid light ground, so that they read on a dark page too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ml.evaluate.figures import Judgement, by_label
from ml.train import metrics

GROUND, INK, FAINT = "#fbfaf7", "#22262b", "#d9d6cf"
BLUE, ORANGE = "#2a6f97", "#d1602c"
STYLE: Any = {
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "svg.hashsalt": "sori",
    "svg.fonttype": "path",
}


def draw(folder: Path, by_taggram: Judgement, end_to_end: Judgement) -> dict[str, str]:
    """Write the plots into `folder`; their file names by what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    with styled() as pyplot:
        drawn = {
            "confusion": confusion(by_taggram),
            "recall": recall(by_taggram),
            "precision-recall": precision_recall(by_taggram),
            "calibration": calibration({"whole tracks": by_taggram, "clips": end_to_end}),
        }
        for what, figure in drawn.items():
            names[what] = f"accuracy-{what}.svg"
            figure.savefig(folder / names[what], metadata={"Date": None, "Creator": "python -m ml.evaluate"})
            pyplot.close(figure)
    return names


@contextmanager
def styled() -> Iterator[Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        yield pyplot


def axes_of(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    from matplotlib import pyplot

    return pyplot.subplots(rows, columns, figsize=(width, height), layout="constrained", **options)


def confusion(prediction: Judgement, answers: str = "Sori's answer") -> Any:
    """Counts, coloured by their share of the row."""
    from matplotlib.colors import LinearSegmentedColormap

    counts = metrics.confusion(prediction.truth, prediction.answers, len(prediction.labels))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = axes_of(7.2, 6.4)
    image = axes.imshow(shares, cmap=LinearSegmentedColormap.from_list("ink", [GROUND, BLUE]), vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            colour = GROUND if shares[row, column] > 0.55 else INK
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    places = range(len(prediction.labels))
    axes.set_xticks(places, prediction.labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, prediction.labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel=answers, ylabel="the collection's label")
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=_percent())
    bar.set_label("share of the label's songs")
    bar.outline.set_visible(False)
    return figure


def recall(prediction: Judgement) -> Any:
    """Share of each label's songs that were named right, with its interval."""
    found = by_label(prediction)
    labels = list(reversed(found))
    values = np.array([[found[label][key] for key in ("recall", "low", "high")] for label in labels])
    figure, axes = axes_of(7.2, 0.6 + 0.42 * len(labels))
    reach = np.abs(values[:, 1:].T - values[:, 0])
    places = np.arange(len(labels))
    axes.barh(places, values[:, 0], height=0.62, color=BLUE)
    axes.errorbar(values[:, 0], places, xerr=reach, fmt="none", ecolor=INK, elinewidth=1.2, capsize=3)
    for place, label in enumerate(labels):
        value = found[label]["recall"]
        inside = value > 0.1
        axes.text(0.012, place, f"{value:.0%}", va="center", color=GROUND if inside else INK)
        axes.text(1.015, place, f"n = {found[label]['n']}", va="center", fontsize=9.5)
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1), xlabel="recall, with 95 % interval")
    axes.xaxis.set_major_formatter(_percent())
    axes.grid(axis="x")
    return figure


def precision_recall(prediction: Judgement) -> Any:
    """One small curve per label."""
    labels = prediction.labels
    columns = min(5, len(labels))
    rows = -(-len(labels) // columns)
    figure, grid = axes_of(10.0, 2.35 * rows + 0.3, rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(labels) or not (prediction.truth == place).any():
            axes.set_visible(False)
            continue
        mine = prediction.truth == place
        precision, reached, area = metrics.precision_recall(prediction.probabilities[:, place], mine)
        found = np.diff(reached, prepend=0.0) > 0
        steps = np.concatenate([[0.0], reached[found]]), np.concatenate([[1.0], precision[found]])
        axes.fill_between(*steps, step="pre", color=BLUE, alpha=0.15, linewidth=0)
        axes.step(*steps, where="pre", color=BLUE, linewidth=1.6)
        axes.set_title(f"{labels[place]}: {area:.2f}")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.grid()
    figure.supxlabel("recall", fontsize=10.5)
    figure.supylabel("precision", fontsize=10.5)
    return figure


def calibration(predictions: dict[str, Judgement]) -> Any:
    """How often answers of each confidence are right, over how many answers there are of it."""
    figure, (axes, below) = axes_of(6.4, 6.2, 2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    axes.plot((0, 1), (0, 1), color=INK, linewidth=1, linestyle=(0, (4, 4)))
    axes.text(0.62, 0.575, "as confident as right", rotation=45, rotation_mode="anchor", fontsize=9.5)
    edges = np.linspace(0, 1, metrics.CALIBRATION_BINS + 1)
    for (name, prediction), colour, marker in zip(
        predictions.items(), (BLUE, ORANGE), ("o", "s"), strict=False
    ):
        confidence, accuracy, counts = metrics.calibration_curve(prediction.probabilities, prediction.truth)
        error = metrics.calibration_error(prediction.probabilities, prediction.truth)
        label = f"{name}, n = {counts.sum()}: ECE {error:.3f}"
        axes.plot(confidence, accuracy, color=colour, linewidth=1.4, label=label)
        axes.scatter(
            confidence, accuracy, 15 + 260 * counts / counts.sum(), color=colour, marker=marker, zorder=3
        )
        best = prediction.probabilities.max(axis=1)
        below.hist(best, edges, weights=np.full(len(best), 1 / len(best)), histtype="step", color=colour)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), ylabel="share that is right")
    below.set(xlabel="probability of the first answer", ylabel="answers")
    for each in (axes, below):
        each.yaxis.set_major_formatter(_percent())
        each.grid()
    below.xaxis.set_major_formatter(_percent())
    axes.legend(loc="upper left", frameon=False)
    return figure


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0, decimals=0)
