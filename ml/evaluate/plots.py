"""Plots of the generated pages. The same figures give the same files, byte for byte.

The background is solid and light, so that plots are readable on dark pages too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ml.train import metrics
from ml.train.metrics import Predictions

GROUND, INK, FAINT = "#fbfaf7", "#22262b", "#d9d6cf"
BLUE, ORANGE = "#2a6f97", "#d1602c"
STYLE: Any = {
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), GROUND),
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "svg.hashsalt": "sori",
    "svg.fonttype": "path",
}


def draw_genre(folder: Path, command: str, tracks: Predictions, clips: Predictions) -> dict[str, str]:
    """The plots of the accuracy page."""
    drawn: dict[str, Callable[[], Any]] = {
        "confusion": lambda: confusion(tracks, "Sori's answer"),
        "recall": lambda: recall(tracks),
        "precision-recall": lambda: precision_recall(tracks),
        "calibration": lambda: calibration({"whole tracks": tracks, "clips": clips}),
    }
    return save(folder / "images", "accuracy", command, drawn)


def save(folder: Path, prefix: str, command: str, plots: Mapping[str, Callable[[], Any]]) -> dict[str, str]:
    """Draw each plot into PREFIX-NAME.svg in `folder`; the file names by plot name."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    files = {name: f"{prefix}-{name}.svg" for name in plots}
    with pyplot.rc_context(STYLE):
        for name, draw in plots.items():
            figure = draw()
            figure.savefig(folder / files[name], metadata={"Date": None, "Creator": command})
            pyplot.close(figure)
    return files


def axes_of(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    from matplotlib import pyplot

    return pyplot.subplots(rows, columns, figsize=(width, height), layout="constrained", **options)


def confusion(predictions: Predictions, answers: str) -> Any:
    """Counts, coloured by their share of the row."""
    from matplotlib.colors import LinearSegmentedColormap

    counts = predictions.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = axes_of(7.2, 6.4)
    image = axes.imshow(shares, cmap=LinearSegmentedColormap.from_list("ink", [GROUND, BLUE]), vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            colour = GROUND if shares[row, column] > 0.55 else INK
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    ticks = range(len(predictions.labels))
    axes.set_xticks(ticks, predictions.labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, predictions.labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel=answers, ylabel="true label")
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=_percent())
    bar.set_label("share of the label's songs")
    bar.outline.set_visible(False)
    return figure


def recall(predictions: Predictions) -> Any:
    """Recall of each label with its interval."""
    by_label = predictions.by_label()
    labels = list(reversed(by_label))
    values = np.array([[by_label[label][key] for key in ("recall", "low", "high")] for label in labels])
    figure, axes = axes_of(7.2, 0.6 + 0.42 * len(labels))
    errors = np.abs(values[:, 1:].T - values[:, 0])
    heights = np.arange(len(labels))
    axes.barh(heights, values[:, 0], height=0.62, color=BLUE)
    axes.errorbar(values[:, 0], heights, xerr=errors, fmt="none", ecolor=INK, elinewidth=1.2, capsize=3)
    for height, label in enumerate(labels):
        value = by_label[label]["recall"]
        axes.text(0.012, height, f"{value:.0%}", va="center", color=GROUND if value > 0.1 else INK)
        axes.text(1.015, height, f"n = {by_label[label]['n']}", va="center", fontsize=9.5)
    axes.set_yticks(heights, labels)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1), xlabel="recall with 95% interval")
    axes.xaxis.set_major_formatter(_percent())
    axes.grid(axis="x")
    return figure


def precision_recall(predictions: Predictions) -> Any:
    """One small curve per label."""
    labels = predictions.labels
    columns = min(5, len(labels))
    rows = -(-len(labels) // columns)
    figure, grid = axes_of(10.0, 2.35 * rows + 0.3, rows, columns, sharex=True, sharey=True, squeeze=False)
    for index, axes in enumerate(grid.flat):
        if index >= len(labels) or not (predictions.truth == index).any():
            axes.set_visible(False)
            continue
        has_label = predictions.truth == index
        precision, recall, area = metrics.precision_recall(predictions.probabilities[:, index], has_label)
        rises = np.diff(recall, prepend=0.0) > 0
        steps = np.concatenate([[0.0], recall[rises]]), np.concatenate([[1.0], precision[rises]])
        axes.fill_between(*steps, step="pre", color=BLUE, alpha=0.15, linewidth=0)
        axes.step(*steps, where="pre", color=BLUE, linewidth=1.6)
        axes.set_title(f"{labels[index]}: {area:.2f}")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.grid()
    figure.supxlabel("recall", fontsize=10.5)
    figure.supylabel("precision", fontsize=10.5)
    return figure


def calibration(predictions: Mapping[str, Predictions]) -> Any:
    """Accuracy by stated probability, above the distribution of stated probabilities."""
    figure, (axes, below) = axes_of(6.4, 6.2, 2, 1, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    axes.plot((0, 1), (0, 1), color=INK, linewidth=1, linestyle=(0, (4, 4)))
    axes.text(0.62, 0.575, "perfectly calibrated", rotation=45, rotation_mode="anchor", fontsize=9.5)
    edges = np.linspace(0, 1, metrics.CALIBRATION_BINS + 1)
    styles = (BLUE, "o"), (ORANGE, "s")
    for (name, series), (colour, marker) in zip(predictions.items(), styles, strict=False):
        confidence, accuracy, counts = metrics.calibration_curve(series.probabilities, series.truth)
        label = f"{name}, n = {counts.sum()}: ECE {series.calibration_error:.3f}"
        sizes = 15 + 260 * counts / counts.sum()
        axes.plot(confidence, accuracy, color=colour, linewidth=1.4, label=label)
        axes.scatter(confidence, accuracy, sizes, color=colour, marker=marker, zorder=3)
        best = series.probabilities.max(axis=1)
        below.hist(best, edges, weights=np.full(len(best), 1 / len(best)), histtype="step", color=colour)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), ylabel="accuracy")
    below.set(xlabel="probability of the first answer", ylabel="share of answers")
    for each in (axes, below):
        each.yaxis.set_major_formatter(_percent())
        each.grid()
    below.xaxis.set_major_formatter(_percent())
    axes.legend(loc="upper left", frameon=False)
    return figure


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0, decimals=0)
