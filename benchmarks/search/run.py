"""The steps of the benchmark `search`: fill, build, start, search; each in a process of its own, on one core."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.memory import resident
from benchmarks.neighbours import ONE_CORE
from benchmarks.page import Row
from benchmarks.search.library import COUNT, GENRE, Truth, extend, songs_of
from benchmarks.search.sampled import Source, read_sources, spacing
from benchmarks.timing import run_python
from library.catalogue.database import open_catalogue
from library.catalogue.filters import Filter
from library.search.index_build import build
from library.search.index_names import files_in, folder_of
from library.search.neighbours import Library
from ml.features.arrays import Floats

SIZES = (1_000_000,)
MOST_EXACT = 1_000_000
"""So many vectors are also searched without a file."""
SONGS = 200
ROUNDS = 3
"""200 songs, two kinds, three times: more than a thousand searches."""
CANDIDATES = 32
"""How many the product searches for first, to find three that are different recordings."""
BUILD = """
from pathlib import Path
from benchmarks.search.run import build_file
build_file(Path({home!r}))
"""
SEARCH = """
import time
began = time.time() - time.process_time()
from pathlib import Path
from benchmarks.search.run import search
search(Path({home!r}), began, {exact!r})
"""


def run(sizes: Sequence[int] = SIZES, songs: int = SONGS, *, folder: Path | None = None) -> Iterator[Row]:
    sources = read_sources()
    for by, source in sources.items():
        yield from _compare(by, source)
    asking = songs_of(sources, songs)
    truth, before = Truth(asking), 0
    with TemporaryDirectory(dir=folder) as name:
        home = Path(name)
        for size in sizes:
            extend(home, sources, truth, before, size)
            before = size
            np.savez(home / "songs.npz", **asking)
            np.savez(home / "truth.npz", **truth.ids)
            yield from _measure(home, size)


def _compare(by: str, source: Source) -> Iterator[Row]:
    random = np.random.default_rng(1)
    sampled = source.sample(random.integers(len(source.tracks), size=len(source.tracks)), random)
    for whose, vectors in ((f"{len(sampled)} tracks of the catalogue", source.tracks), ("as many sampled", sampled)):
        third, dimension = spacing(vectors)
        shown = " ".join(f"{distance:.2f}" for distance in third)
        yield f"{by}, {whose}: third neighbour (5, 25, 50, 75, 95 %)", shown, ""
        yield f"{by}, {whose}: dimension", f"{dimension:.0f}", ""


def _measure(home: Path, size: int) -> Iterator[Row]:
    name = f"{size:,}"
    if size <= MOST_EXACT:
        exact = json.loads(run_python(SEARCH.format(home=str(home), exact=True), **ONE_CORE).output)
        yield f"{name}, exact: ready after a start", f"{exact['start']:.1f} s", ""
        yield f"{name}, exact: search, median and 95 %", _milliseconds(exact["harmony"]["seconds"]), "20 ms"
        yield f"{name}, exact: memory after the searches", f"{exact['megabytes']:,.0f} MB", ""
    built = run_python(BUILD.format(home=str(home)), **ONE_CORE)
    yield f"{name}: building the file, one core", f"{built.seconds:.0f} s, {built.megabytes:,.0f} MB", "4,000 MB"
    yield f"{name}: of which processor time", f"{float(built.output):.0f} s", ""
    newest = files_in(folder_of(home))[0]
    yield f"{name}: size of the file", f"{newest.stat().st_size / 1e6:,.0f} MB", ""
    found = json.loads(run_python(SEARCH.format(home=str(home), exact=False), **ONE_CORE).output)
    yield f"{name}: first answer after a start", f"{found['start']:.1f} s", "10 s"
    for by in ("harmony", "sound"):
        yield f"{name}, {by}: recall@{COUNT}", f"{found[by]['recall']:.3f}", "0.98"
        yield f"{name}, {by}: search, median and 95 %", _milliseconds(found[by]["seconds"]), "20 ms"
        yield f"{name}, {by}, one genre: recall@{COUNT}", f"{found[by]['filtered recall']:.3f}", ""
        yield f"{name}, {by}, one genre: search, median and 95 %", _milliseconds(found[by]["filtered seconds"]), ""
    yield f"{name}: memory after {found['searches']:,} searches", f"{found['megabytes']:,.0f} MB", "2,500 MB"


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{1000 * np.median(seconds):.1f} ms, {1000 * np.percentile(seconds, 95):.1f} ms"


def build_file(home: Path) -> None:
    catalogue = open_catalogue(home)
    for old in files_in(folder_of(home)):
        old.unlink()
    build(catalogue)
    print(time.process_time())
    catalogue.close()


def search(home: Path, began: float, exact: bool) -> None:
    """Print what was measured as JSON. Runs in a process of its own."""
    catalogue = open_catalogue(home)
    library = Library.load(catalogue, exact_limit=10**12 if exact else 0)
    with np.load(home / "songs.npz") as songs, np.load(home / "truth.npz") as truth:
        asking, true_ids = dict(songs), dict(truth)
    first, _ = _find(library, "sound", asking["sound"][0], Filter())
    measured: dict[str, Any] = {"start": time.time() - began, "first": len(first), "searches": 0}
    for by in ("harmony", "sound"):
        measured[by] = _search_all(library, by, asking[by], true_ids, exact)
        measured["searches"] += len(measured[by]["seconds"])
    measured["megabytes"] = resident("self")
    print(json.dumps(measured))
    catalogue.close()


def _search_all(
    library: Library, by: str, asking: Floats, truth: Mapping[str, Any], exact: bool
) -> dict[str, float | list[float]]:
    seconds: list[float] = []
    right = filtered_right = 0
    filtered: list[float] = []
    for turn in range(1 if exact else ROUNDS):
        for number, vector in enumerate(asking):
            ids, taken = _find(library, by, vector, Filter())
            seconds.append(taken)
            if turn == 0:
                right += len(set(ids) & set(truth[by][number].tolist()))
            if turn == 0 and not exact and number % 4 == 0:
                ids, taken = _find(library, by, vector, Filter(genre=GENRE))
                filtered.append(taken)
                filtered_right += len(set(ids) & set(truth[f"{by} {GENRE}"][number].tolist()))
    recall = right / (COUNT * len(asking))
    filtered_recall = filtered_right / max(1, COUNT * len(filtered))
    return {"seconds": seconds, "recall": recall, "filtered seconds": filtered, "filtered recall": filtered_recall}


def _find(library: Library, by: str, vector: Floats, only: Filter) -> tuple[list[int], float]:
    started = time.perf_counter()
    with library.catalogue.session() as session:
        found = library.store.search(session, only, ()).nearest(by, vector, CANDIDATES)
    return found.ids[:COUNT].tolist(), time.perf_counter() - started
