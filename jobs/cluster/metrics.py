"""Numbers about the work of one machine, added up over its worker processes and restarts of them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

from jobs.cluster.app import FOLDER_VARIABLE

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class WorkerMetrics:
    """Counts for this process."""

    @cached_property
    def _counter(self) -> Counter:
        from prometheus_client import CollectorRegistry, Counter

        return Counter("sori_worker_songs", "Songs analysed.", ("kind", "outcome"), registry=CollectorRegistry())

    @cached_property
    def _seconds(self) -> Histogram:
        from prometheus_client import CollectorRegistry, Histogram

        return Histogram(
            "sori_worker_seconds", "How long songs took.", ("kind",), buckets=BUCKETS, registry=CollectorRegistry()
        )

    def count(self, kind: str, *, is_failed: bool) -> None:
        self._counter.labels(kind, "failed" if is_failed else "done").inc()

    @contextmanager
    def measure(self, kind: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self._seconds.labels(kind).observe(time.perf_counter() - begun)


def machine_metrics() -> bytes:
    """What all processes of this machine have counted, as Prometheus reads it."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    if os.environ.get(FOLDER_VARIABLE):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
