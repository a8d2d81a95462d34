"""Counts of this process's requests, and numbers in the words of Prometheus (its text format, version 0.0.4).

The web service is one process, so that a dictionary under a lock holds everything.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Labels = tuple[tuple[str, str], ...]

_lock = threading.Lock()
_counts: Counter[Labels] = Counter()
_buckets: dict[str, list[int]] = {}
_seconds: Counter[str] = Counter()


def count(endpoint: str, method: str, status: int, seconds: float) -> None:
    """One request that was answered. Only names of ours are labels: what people type would be without end."""
    with _lock:
        _counts[("endpoint", endpoint), ("method", method), ("status", str(status))] += 1
        row = _buckets.setdefault(endpoint, [0] * (len(BUCKETS) + 1))
        row[next((place for place, most in enumerate(BUCKETS) if seconds <= most), len(BUCKETS))] += 1
        _seconds[endpoint] += seconds  # type: ignore[assignment]


def requests() -> list[str]:
    with _lock:
        counts, rows, seconds = (
            dict(_counts),
            {name: list(row) for name, row in _buckets.items()},
            dict(_seconds),
        )
    lines = series("sori_requests_total", "counter", "Requests answered.", counts)
    lines += head("sori_request_seconds", "histogram", "How long requests took.")
    for endpoint, row in sorted(rows.items()):
        label, total = ("endpoint", endpoint), 0
        for most, here in zip((*map(str, BUCKETS), "+Inf"), row, strict=True):
            total += here
            lines.append(line("sori_request_seconds_bucket", (label, ("le", most)), total))
        lines.append(line("sori_request_seconds_sum", (label,), seconds[endpoint]))
        lines.append(line("sori_request_seconds_count", (label,), total))
    return lines


def gauge(name: str, text: str, values: Mapping[Labels, float]) -> list[str]:
    return series(name, "gauge", text, values)


def series(name: str, kind: str, text: str, values: Mapping[Labels, float]) -> list[str]:
    return [*head(name, kind, text), *(line(name, labels, value) for labels, value in sorted(values.items()))]


def head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def line(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{inside}}} {value:.10g}" if inside else f"{name} {value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def memory_bytes() -> int:
    """What this process holds in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
