"""What every reader hands back, whichever library did the work."""

from __future__ import annotations

from dataclasses import dataclass

from ml.audio.mono import Samples
from ml.audio.settings import SAMPLE_RATE


@dataclass
class Decoded:
    """`samples` as heard so far; the rest says how the source ended and what it says of itself."""

    samples: Samples
    sample_rate: int
    format: str
    more: bool = False
    """Sound went on after `max_seconds`."""
    broke: bool = False
    """The decoder gave up before the end of the bytes."""
    promised_seconds: float | None = None
    title: str = ""
    artist: str = ""

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE
