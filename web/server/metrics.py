"""The metrics of one application for Prometheus: its requests, the queue, the disk, and its process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from flask import Flask, current_app
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from web.context import Service, service

NAME = "metrics"
BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # else each series has a second one, its creation time


def install(app: Flask) -> None:
    app.extensions[NAME] = Metrics(service())


def current_metrics() -> Metrics:
    return cast(Metrics, current_app.extensions[NAME])


class Metrics:
    """Every application has a registry of its own. Labels are our own names, never what a client sends, which would
    make any number of series."""

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "sori_requests", "Requests answered.", ("endpoint", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "sori_request_seconds", "How long requests took.", ("endpoint",), buckets=BUCKETS, registry=self._registry
        )
        self._registry.register(ServiceCollector(service))
        ProcessCollector(registry=self._registry)

    def count(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(endpoint, method, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def to_text(self) -> bytes:
        return generate_latest(self._registry)


class ServiceCollector(Collector):
    """What is read from the database and the disk whenever the metrics are read."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        states = GaugeMetricFamily("sori_analyses", "Analyses by state.", labels=("state",))
        for state, count in self._service.analyses.count_states().items():
            states.add_metric((state,), count)
        yield states
        yield GaugeMetricFamily(
            "sori_disk_free_bytes", "Free bytes on the disk of SORI_HOME.", self._service.free_bytes()
        )
        if (seconds := self._service.engine_silent_seconds()) is not None:
            yield GaugeMetricFamily(
                "sori_engine_silent_seconds", "Seconds since the last sign of life of an engine.", seconds
            )
