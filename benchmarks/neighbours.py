"""Exact top three among a thousand to a million tracks on one core, and the start of a library of a million.

The vectors are the directions that the shipped projections make of random features; the search is exact, so that its
time does not depend on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from tempfile import TemporaryDirectory

from benchmarks.timing import run_python

Row = tuple[str, str, str]

SIZES = (1_000, 10_000, 100_000, 1_000_000)
AIMS = {100_000: "1 ms", 1_000_000: "20 ms"}
MILLION = 1_000_000

_ONE_CORE = """
import json, os, statistics, time
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np
"""
_SEARCH = """
from library.index import Index
from library.projection import load
random = np.random.default_rng(0)
dimensions = load()[0][{by!r}].dimensions
medians = {{}}
for size in {sizes}:
    vectors = random.standard_normal((size, dimensions), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index, taken = Index(vectors), []
    for round in range({rounds} + 3):
        question = vectors[random.integers(size)] + 0.1 * random.standard_normal(dimensions, np.float32)
        started = time.perf_counter()
        index.nearest(question, {count})
        taken.append(time.perf_counter() - started)
    medians[size] = 1000 * statistics.median(taken[3:])
print(json.dumps([dimensions, medians]))
"""
_FILL = """
from pathlib import Path
from library.catalogue import Descriptor, Track, open_catalogue
from library.projection import load
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
        session.execute(insert(Descriptor), rows)
    session.commit()
"""
_START = """
from pathlib import Path
started = time.perf_counter()
from library.catalogue import open_catalogue
from library.neighbours import Library
library = Library.load(open_catalogue(Path({home!r})))
print(json.dumps([len(library), time.perf_counter() - started]))
"""


def run() -> Iterator[Row]:
    for by in ("harmony", "sound"):
        code = _ONE_CORE + _SEARCH.format(by=by, sizes=SIZES, rounds=41, count=32)
        dimensions, medians = json.loads(run_python(code)[2])
        for size in SIZES:
            what = f"{by}, nearest of {size:,} x {dimensions}, one core (median)"
            yield what, f"{medians[str(size)]:.2f} ms", AIMS.get(size, "")
    with TemporaryDirectory() as home:
        run_python(_ONE_CORE + _FILL.format(home=home, size=MILLION))
        _, megabytes, output = run_python(_ONE_CORE + _START.format(home=home))
        count, seconds = json.loads(output)
        yield f"start with {count:,} tracks (SQLite)", f"{seconds:.1f} s", "5 s"
        yield "its memory at the highest", f"{megabytes:,.0f} MB", "1500 MB"
