"""Exact top three among a thousand to a million tracks on one core, and the start of a library of a million.

scikit-learn's brute force, which is exact too, takes turns with ours on the same vectors: directions of random vectors,
in as many dimensions as the shipped projections have. Both are exact, so that their time does not depend on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.curve import draw
from benchmarks.timing import run_python

Row = tuple[str, str, str]

SIZES = (1_000, 10_000, 100_000, 1_000_000)
AIMS = {100_000: 1.0, 1_000_000: 20.0}
"""Milliseconds."""
MILLION = 1_000_000
COUNT = 3
CURVE = "neighbours-cost.svg"

_ONE_CORE = """
import json, os, statistics, time
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np
"""
_SEARCH = """
from sklearn.neighbors import NearestNeighbors
from library.search.index import Index
from ml.similarity.projection import load
random = np.random.default_rng(0)
dimensions = max(projection.dimensions for projection in load()[0].values())
medians = {{}}
for size in {sizes}:
    vectors = random.standard_normal((size, dimensions), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    theirs = NearestNeighbors(n_neighbors={count}, algorithm="brute", n_jobs=1).fit(vectors)
    index, taken = Index(vectors), ([], [])
    for round in range({rounds}[size >= 1_000_000] + 3):
        question = vectors[random.integers(size)] + 0.1 * random.standard_normal(dimensions, np.float32)
        started = time.perf_counter()
        rows, _ = index.nearest(question, {count})
        between = time.perf_counter()
        others = theirs.kneighbors(question[None], return_distance=False)[0]
        taken[0].append(between - started)
        taken[1].append(time.perf_counter() - between)
        assert rows.tolist() == others.tolist(), (rows, others)
    medians[size] = [1000 * statistics.median(seconds[3:]) for seconds in taken]
print(json.dumps([dimensions, medians]))
"""
_FILL = """
from pathlib import Path
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackVectors
from ml.similarity.projection import load
from sqlalchemy import insert
catalogue = open_catalogue(Path({home!r}))
widths = [load()[0][by].dimensions for by in ("harmony", "sound")]
random = np.random.default_rng(0)
with catalogue.session() as session:
    for start in range(1, {size} + 1, 20_000):
        ids = range(start, start + 20_000)
        session.execute(insert(Track), [dict(id=i, size=i, mtime_ns=i, title=f"track {{i}}") for i in ids])
        chords, sounds = (random.standard_normal((20_000, width), np.float32) for width in widths)
        rows = [
            dict(track_id=i, harmony=h.tobytes(), sound=s.tobytes())
            for i, h, s in zip(ids, chords, sounds, strict=True)
        ]
        session.execute(insert(TrackVectors), rows)
    session.commit()
"""
_START = """
from pathlib import Path
started = time.perf_counter()
from library.catalogue.database import open_catalogue
from library.search.neighbours import Library
library = Library.load(open_catalogue(Path({home!r})))
print(json.dumps([len(library), time.perf_counter() - started, time.process_time()]))
"""


def run(images: Path | None = None) -> Iterator[Row]:
    code = _ONE_CORE + _SEARCH.format(sizes=SIZES, rounds=(201, 41), count=COUNT)
    dimensions, medians = json.loads(run_python(code)[2])
    costs = {size: tuple(medians[str(size)]) for size in SIZES}
    for size, (ours, theirs) in costs.items():
        what = f"nearest {COUNT} of {size:,} x {dimensions}, one core (median)"
        yield what, f"{ours:.2f} ms", f"{AIMS[size]:g} ms" if size in AIMS else ""
        yield f"the same by scikit-learn's brute force, {theirs / ours:.1f} times", f"{theirs:.2f} ms", ""
    if images is not None:
        draw(costs, AIMS, images / CURVE)
    with TemporaryDirectory() as home:
        run_python(_ONE_CORE + _FILL.format(home=home, size=MILLION))
        _, megabytes, output = run_python(_ONE_CORE + _START.format(home=home))
        count, seconds, worked = json.loads(output)
        yield f"start with {count:,} tracks (SQLite)", f"{seconds:.1f} s", "5 s"
        yield "of which processor time", f"{worked:.1f} s", ""
        yield "its memory at the highest", f"{megabytes:,.0f} MB", "1500 MB"
