"""Valid files with extreme signals, which the features and the model have to handle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.hostile.case import Case
from tests.hostile.valid_files import encode

RATE = 16_000


def _shapes(length: int) -> Iterator[tuple[str, np.ndarray]]:
    time = np.arange(length) / RATE
    random = np.random.default_rng(length)
    yield "constant", np.full(length, 0.5)
    yield "full", np.ones(length)
    yield "negative", -np.ones(length)
    yield "square", np.sign(np.sin(2 * np.pi * 440 * time + 0.1))
    yield "highest", np.resize([0.9, -0.9], length)
    yield "lowest", 0.9 * np.sin(2 * np.pi * 0.5 * time)
    yield "sweep", 0.9 * np.sin(2 * np.pi * 400 * time**2)
    yield "noise", 0.3 * random.standard_normal(length)
    yield "click", np.eye(1, length, length // 2)[0]
    yield "clicks", (np.arange(length) % 4000 == 0).astype(float)
    yield "quiet", 2e-4 * random.standard_normal(length)
    yield "silent", 1e-6 * random.standard_normal(length)
    yield "denormal", np.full(length, 1e-42)
    yield "huge", 1e30 * np.sin(2 * np.pi * 440 * time)
    yield "overflow", np.where(np.arange(length) % 2, 3.4e38, -3.4e38)
    yield "late", np.where(time > time[-1] - 0.01, 0.5, 0.0)
    yield "early", np.where(time < 0.01, 0.5, 0.0)
    yield "one-note", 0.5 * np.sin(2 * np.pi * 440 * time)
    broken = 0.5 * np.sin(2 * np.pi * 440 * time)
    for name, value in (("nan", np.nan), ("inf", np.inf), ("-inf", -np.inf)):
        corrupted = broken.copy()
        corrupted[length // 3] = value
        yield name, corrupted
    yield "all-nan", np.full(length, np.nan)


def signals() -> Iterator[Case]:
    for seconds in (0.0, 0.5, 0.99995, 1.0, 1.0001, 2.9, 3.0, 3.1, 8.0):
        length = round(seconds * RATE)
        for name, shape in _shapes(length) if length else [("empty", np.zeros(0))]:
            with np.errstate(over="ignore"):
                samples = shape.astype(np.float32)
            yield Case("signal", f"{name}-{seconds}", encode(samples, RATE, "WAV", "FLOAT"))
            if seconds == 3.0:
                sides = np.column_stack([samples, -samples])
                yield Case("signal", f"{name}-against-itself", encode(sides, RATE, "WAV", "FLOAT"))
