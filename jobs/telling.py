"""What a run says of itself to a program that watches it: one JSON object a line, as it happens."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TextIO

from library.collection.scan import Summary
from ml.report.errors import SoriError

LEAST_SECONDS = 0.2
"""No line sooner after the last: a library of unchanged files would write ten thousand a second."""


class Lines:
    """`tell` is called for every file; the last word is either `end` or `fail`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = 0.0

    def on_progress(self, done: int, total: int | None, name: str) -> None:
        if time.monotonic() < self._next and done != total:
            return
        self._next = time.monotonic() + LEAST_SECONDS
        self._write({"done": done, "total": total, "name": name.encode("utf-8", "replace").decode()})

    def end(self, counts: Mapping[str, int]) -> None:
        self._write({"counts": dict(counts)})

    def fail(self, error: SoriError) -> None:
        facts = {name: str(value) for name, value in error.facts.items()}
        self._write({"error": {"code": error.code, "sentence": error.sentence, "facts": facts}})

    def _write(self, told: Mapping[str, object]) -> None:
        self._stream.write(json.dumps(told) + "\n")
        self._stream.flush()


def count(summary: Summary) -> dict[str, int]:
    """What a run did, under the names that programs know."""
    return {
        "heard": summary.analysed,
        "unchanged": summary.unchanged,
        "moved": summary.moved + summary.copied + summary.touched,
        "linked": summary.linked,
        "described": summary.updated,
        "forgotten": summary.missing,
        "failed": summary.failed + summary.known_failures,
    }
