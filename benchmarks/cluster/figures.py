"""The figures of the section about many machines."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from benchmarks.cluster.burning_app import BurningPipeline
from benchmarks.cluster.machines import BURNING, REAL, Cluster, cluster, scan, workers, write_files
from benchmarks.kills import write_songs
from benchmarks.page import Row
from environment import Environment
from jobs.cluster.messages import Messages
from jobs.cluster.worker import Worker
from jobs.queue.analyses import Analyses, Upload
from jobs.queue.ids import new_id
from jobs.queue.leases import new_engine_name
from jobs.queue.scan_files import ScanFiles
from jobs.upload_analysis import UploadTask, analyse_upload
from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors
from ml.audio.settings import DEFAULT_LIMITS
from tests.hostile.false_headers import wav

SONGS, SONG_SECONDS = 60, 0.25
UPLOADS = 100
WAITING, CLAIMS_A_SECOND, CLAIMANTS, CLAIM_SECONDS, BATCH = 1_000_000, 16, 4, 30, 32
FILES, REAL_FILES = 10_000, 600
_INSERT = """
INSERT INTO scan_files (state, tries, scan_id, path, path_hash, size, mtime_ns)
SELECT 'queued', 0, 1, convert_to('/music/' || n, 'UTF8'), md5(n::text), 1, 1 FROM generate_series(1, :count) n
"""


def run() -> Iterator[Row]:
    with cluster() as servers:
        yield from more_workers(servers)
        yield from overhead(servers)
        yield from claims(servers)
        yield from equality(servers)
        yield from real_equality(servers)


def more_workers(servers: Cluster, rounds: int = 2) -> Iterator[Row]:
    """One worker and two take turns."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for number in range(rounds):
        for count in (1, 2):
            environment = servers.environment(f"more{number}of{count}")
            music = servers.folder / f"music{number}of{count}"
            with workers(environment, range(count), BURNING, seconds=SONG_SECONDS):
                scan(environment, write_files(music, 2 * BATCH))  # until both have loaded
                write_files(music, SONGS * 4, first=2 * BATCH)
                seconds[count].append(scan(environment, music)[0])
    ratios = [one / two for one, two in zip(seconds[1], seconds[2], strict=True)]
    rate = [4 * SONGS / statistics.median(seconds[count]) for count in (1, 2)]
    about = f"files a second, {SONG_SECONDS:g} s of processor time each: one worker, two"
    yield about, f"{rate[0]:.2f}, {rate[1]:.2f}", ""
    yield "two one-core workers against one", " ".join(f"{ratio:.2f}" for ratio in ratios), "1.8"


def overhead(servers: Cluster) -> Iterator[Row]:
    """The same uploads, alternately through the queue and without it."""
    environment = servers.environment("overhead")
    catalogue, messages = open_catalogue(environment.home, environment.database_url), Messages(environment)
    analyses, pipeline = Analyses(catalogue, environment.home), BurningPipeline()
    worker = Worker(environment, load_uploads=lambda: pipeline)
    queued, direct, sending = [], [], []
    for number in range(UPLOADS):
        first, second = (_store(analyses, wav() + b"%d %d" % (number, which)) for which in (0, 1))
        analyses.add(first.id, _upload(first), keep_seconds=None)
        started = time.perf_counter()
        messages.notify_uploads([first.id])
        sent = time.perf_counter()
        worker.analyse_next_upload()
        ended = time.perf_counter()
        analyse_upload(pipeline, second, lambda *_: None, limits=DEFAULT_LIMITS)
        direct.append(time.perf_counter() - ended)
        queued.append(ended - sent)
        sending.append(sent - started)
    messages.close()
    catalogue.close()
    cost = [1000 * (by_queue - alone) for by_queue, alone in zip(queued, direct, strict=True)]
    yield "claim, lease, progress and result of an upload, median", f"{statistics.median(cost):.1f} ms", ""
    yield "message about it, median", f"{1000 * statistics.median(sending):.1f} ms", ""
    both = [one + 1000 * two for one, two in zip(cost, sending, strict=True)]
    yield "both, median and 95 %", f"{statistics.median(both):.1f} ms, {_percentile(both, 95):.1f} ms", "20 ms"


def _store(analyses: Analyses, content: bytes) -> UploadTask:
    analysis_id = new_id()
    folder = analyses.files.folder(analysis_id)
    folder.mkdir(parents=True)
    (folder / "song").write_bytes(content)
    return UploadTask(analysis_id, analyses.files, "song", "a song")


def _upload(task: UploadTask) -> Upload:
    content = task.files.read(task.id, task.file)
    return Upload("c", task.name, task.file, "WAV", len(content), hashlib.sha256(content).hexdigest())


def claims(servers: Cluster) -> Iterator[Row]:
    """As many as 500 cores would ask for."""
    environment = servers.environment("claims")
    catalogue = open_catalogue(environment.home, environment.database_url)
    with catalogue.transaction() as session:
        session.execute(text(_INSERT), {"count": WAITING})
    with catalogue.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE scan_files"))
    catalogue.close()
    with get_context("spawn").Pool(CLAIMANTS) as pool:
        taken = pool.map(partial(_claim, environment), range(CLAIMANTS))
    times = [1000 * seconds for some in taken for seconds in some]
    yield (
        f"claim of {BATCH} among {WAITING:,} waiting rows, {CLAIMS_A_SECOND} a second: median, 95 %",
        f"{statistics.median(times):.1f} ms, {_percentile(times, 95):.1f} ms",
        "50 ms",
    )
    yield "claims in that time", str(len(times)), str(CLAIMS_A_SECOND * CLAIM_SECONDS)


def _claim(environment: Environment, number: int) -> list[float]:
    """Each claims batches of its own, as each message holds other ids."""
    catalogue = open_catalogue(environment.home, environment.database_url)
    files, interval, taken = ScanFiles(catalogue), CLAIMANTS / CLAIMS_A_SECOND, []
    files.claim_rows([number + 1], new_engine_name())  # connects
    begun = time.monotonic() + number * interval / CLAIMANTS
    for turn in range(CLAIM_SECONDS * CLAIMS_A_SECOND // CLAIMANTS):
        time.sleep(max(0.0, begun + turn * interval - time.monotonic()))
        first = (CLAIMANTS * turn + number + 1) * BATCH
        started = time.perf_counter()
        rows = files.claim_rows(range(first, first + BATCH), new_engine_name(), charge=False)
        taken.append(time.perf_counter() - started)
        if len(rows) != BATCH:
            raise RuntimeError(f"{len(rows)} rows were claimed")
    catalogue.close()
    return taken


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def equality(servers: Cluster) -> Iterator[Row]:
    """A folder over Celery and the same locally, with the pipeline of the tests."""
    music = write_files(servers.folder / "many", FILES)
    here, there = servers.environment("many-here", spread=False), servers.environment("manythere")
    local, _ = scan(here, music, jobs=2, load_pipeline=BurningPipeline)
    with workers(there, (0, 1), BURNING):
        spread, counts = scan(there, music)
    yield f"{FILES:,} files: local, by two workers", f"{local:.0f} s, {spread:.0f} s", ""
    yield from _differences(f"of {counts['analysed']:,} files", here, there, FILES)


def real_equality(servers: Cluster) -> Iterator[Row]:
    """The same with the shipped model."""
    music = servers.folder / "songs"
    write_songs(music)
    here, there = servers.environment("real-here", spread=False), servers.environment("realthere")
    local, _ = scan(here, music, jobs=2)
    with workers(there, (0, 1), REAL):
        spread, counts = scan(there, music)
    yield f"{REAL_FILES} files with the shipped model: local, by two workers", f"{local:.0f} s, {spread:.0f} s", ""
    yield from _differences(f"of {counts['analysed']:,} files with the shipped model", here, there, REAL_FILES)


def _differences(about: str, here: Environment, there: Environment, files: int) -> Iterator[Row]:
    mine, theirs = stored(here), stored(there)
    different = sum(mine.get(path) != theirs.get(path) for path in {*mine, *theirs})
    yield f"{about}, differ in any byte", str(different), "0"
    yield f"{about}, are in both libraries", str(len({*mine} & {*theirs})), str(files)


def stored(environment: Environment) -> dict[Path, Any]:
    """All that is stored of each file except ids, times and what orders the writes."""
    catalogue = open_catalogue(environment.home, environment.database_url)
    found = {}
    with catalogue.session() as session:
        tables = (TrackReport, TrackVectors, TrackFeatures)
        rows = select(Track, *tables).where(Track.path.is_not(None)).execution_options(yield_per=500)
        for table in tables:
            rows = rows.join(table, table.track_id == Track.id)
        for track, report, vectors, features in session.execute(rows):
            columns = {
                column.key: getattr(track, column.key)
                for column in Track.__table__.columns
                if column.key not in ("id", "failed_at")
            }
            without_timings = {name: value for name, value in report.report.items() if name != "timings"}
            arrays = tuple(
                getattr(row, column.key)
                for row in (vectors, features)
                for column in row.__table__.columns
                if column.key not in ("track_id", "serial")
            )
            found[track.path] = hashlib.sha256(repr((columns, without_timings, arrays)).encode()).hexdigest()
    catalogue.close()
    return found
