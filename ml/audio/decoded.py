"""The result of decoding, whichever library did it."""

from __future__ import annotations

from dataclasses import dataclass

from ml.audio.mono import Samples
from ml.audio.settings import SAMPLE_RATE


@dataclass
class Decoded:
    """`samples` are at `SAMPLE_RATE`; `sample_rate` (Hz) is the source's own."""

    samples: Samples
    sample_rate: int
    format: str
    is_longer: bool = False
    """The source goes on after `max_seconds`."""
    is_broken: bool = False
    """The decoder gave up before the end of the bytes."""
    promised_seconds: float | None = None
    title: str = ""
    artist: str = ""

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE
