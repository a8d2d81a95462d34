"""Exact search for the three nearest of a thousand to a million tracks on one core, and start with a million tracks.

scikit-learn's brute-force search takes turns with ours on the same vectors: random directions, in as many dimensions as
the shipped projections have. Both searches are exact, so their time does not depend on the vectors.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sqlalchemy import insert

from benchmarks.page import Row
from benchmarks.timing import run_python
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackVectors
from library.search.index import Index
from ml.evaluate import plots
from ml.evaluate.plots import BLUE, INK, ORANGE
from ml.similarity.projection import load

SIZES = (1_000, 10_000, 100_000, 1_000_000)
AIMS_MS = {100_000: 1.0, 1_000_000: 20.0}
MILLION = 1_000_000
COUNT = 3
BATCH = 20_000
ONE_CORE = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
START = """
import json, time
started = time.perf_counter()
from pathlib import Path
from library.catalogue.database import open_catalogue
from library.search.neighbours import Library
library = Library.load(open_catalogue(Path({home!r})))
print(json.dumps([len(library), time.perf_counter() - started, time.process_time()]))
"""
"""In a process of its own, so that imports and memory are measured too."""


def run(images: Path | None = None) -> Iterator[Row]:
    search = run_python("from benchmarks import neighbours; neighbours.print_medians()", **ONE_CORE)
    dimensions, medians = json.loads(search.output)
    costs = {size: medians[str(size)] for size in SIZES}
    for size, (ours, theirs) in costs.items():
        aim = f"{AIMS_MS[size]:g} ms" if size in AIMS_MS else ""
        yield f"nearest {COUNT} of {size:,} x {dimensions}, one core (median)", f"{ours:.2f} ms", aim
        yield f"the same by scikit-learn's brute force, {theirs / ours:.1f} times", f"{theirs:.2f} ms", ""
    if images is not None:
        draw(costs, images)
    with TemporaryDirectory() as home:
        fill(Path(home), MILLION)
        yield from measure_start(Path(home))


def measure_start(home: Path) -> Iterator[Row]:
    start = run_python(START.format(home=str(home)), **ONE_CORE)
    count, seconds, processor_seconds = json.loads(start.output)
    yield f"start with {count:,} tracks (SQLite)", f"{seconds:.1f} s", "5 s"
    yield "of which processor time", f"{processor_seconds:.1f} s", ""
    yield "peak memory", f"{start.megabytes:,.0f} MB", "1500 MB"


def print_medians(sizes: tuple[int, ...] = SIZES) -> None:
    """[dimensions, {size: [our milliseconds, scikit-learn's milliseconds]}] as JSON."""
    random = np.random.default_rng(0)
    dimensions = max(projection.dimensions for projection in load()[0].values())
    print(json.dumps([dimensions, {size: _search_medians(random, size, dimensions) for size in sizes}]))


def _search_medians(random: np.random.Generator, size: int, dimensions: int) -> list[float]:
    vectors = random.standard_normal((size, dimensions), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    brute_force = NearestNeighbors(n_neighbors=COUNT, algorithm="brute", n_jobs=1).fit(vectors)
    index = Index(vectors)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range((41 if size >= MILLION else 201) + 3):
        query = vectors[random.integers(size)] + 0.1 * random.standard_normal(dimensions, np.float32)
        started = time.perf_counter()
        rows, _ = index.nearest(query, COUNT)
        between = time.perf_counter()
        expected = brute_force.kneighbors(query[None], return_distance=False)[0]
        taken[0].append(between - started)
        taken[1].append(time.perf_counter() - between)
        if rows.tolist() != expected.tolist():
            raise RuntimeError(f"{rows} are not the nearest rows, {expected} are")
    return [1000 * statistics.median(seconds[3:]) for seconds in taken]


def fill(home: Path, size: int) -> None:
    """A library of `size` tracks with random vectors."""
    projections, random = load()[0], np.random.default_rng(0)
    widths = [projections[kind].dimensions for kind in ("harmony", "sound")]
    catalogue = open_catalogue(home)
    with catalogue.transaction() as session:
        for start in range(1, size + 1, BATCH):
            ids = range(start, min(start + BATCH, size + 1))
            tracks = [{"id": i, "size": i, "mtime_ns": i, "title": f"track {i}"} for i in ids]
            harmony, sound = (random.standard_normal((len(ids), width), np.float32) for width in widths)
            vectors = [
                {"track_id": i, "harmony": h.tobytes(), "sound": s.tobytes()}
                for i, h, s in zip(ids, harmony, sound, strict=True)
            ]
            session.execute(insert(Track), tracks)
            session.execute(insert(TrackVectors), vectors)
    catalogue.close()


def draw(costs: Mapping[int, tuple[float, float]], folder: Path) -> None:
    """Milliseconds (ours, scikit-learn's) by number of tracks, into neighbours-cost.svg."""
    plots.save(folder, "neighbours", "python -m benchmarks neighbours", {"cost": partial(_curves, costs)})


def _curves(costs: Mapping[int, tuple[float, float]]) -> Any:
    sizes = list(costs)
    figure, axes = plots.axes_of(7.2, 4.2)
    for column, (name, colour, offset) in enumerate((("Sori", BLUE, -15), ("scikit-learn, brute force", ORANGE, 8))):
        taken = [costs[size][column] for size in sizes]
        axes.plot(sizes, taken, "o-", color=colour, linewidth=2, label=name)
        for point in zip(sizes, taken, strict=True):
            style = {"textcoords": "offset points", "ha": "center", "color": colour}
            axes.annotate(f"{point[1]:.2g}", point, xytext=(0, offset), **style)
    axes.plot(list(AIMS_MS), list(AIMS_MS.values()), "_", color=INK, markersize=22, label="aim")
    axes.set(xscale="log", yscale="log", xlabel="tracks in the library", ylabel="milliseconds, one core")
    axes.grid(which="major")
    axes.margins(0.08, 0.14)
    axes.legend(frameon=False, loc="upper left")
    return figure
