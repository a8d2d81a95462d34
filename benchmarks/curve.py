"""The cost of an answer over the size of the library, drawn: ours, scikit-learn's, and what was aimed at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ml.evaluate.plots import BLUE, INK, ORANGE, STYLE

WIDTH, HEIGHT = 7.2, 4.2


def draw(costs: Mapping[int, tuple[float, ...]], aims: Mapping[int, float], path: Path) -> None:
    """Milliseconds (ours, theirs) by the number of tracks, both axes in powers of ten."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = list(costs)
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(WIDTH, HEIGHT), layout="constrained")
        for place, (name, colour) in enumerate((("Sori", BLUE), ("scikit-learn, brute force", ORANGE))):
            taken = [costs[size][place] for size in sizes]
            axes.plot(sizes, taken, "o-", color=colour, linewidth=2, label=name)
            for size, milliseconds in zip(sizes, taken, strict=True):
                axes.annotate(
                    f"{milliseconds:.2g}",
                    (size, milliseconds),
                    xytext=(0, 8 if place else -15),
                    textcoords="offset points",
                    ha="center",
                    color=colour,
                )
        axes.plot(list(aims), list(aims.values()), "_", color=INK, markersize=22, label="aimed at")
        axes.set(xscale="log", yscale="log", xlabel="tracks in the library", ylabel="milliseconds, one core")
        axes.grid(which="major")
        axes.margins(0.08, 0.14)
        axes.legend(frameon=False, loc="upper left")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None, "Creator": "python -m benchmarks neighbours"})
        pyplot.close(figure)
