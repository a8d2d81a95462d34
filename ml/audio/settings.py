"""The sample rate of the analysis, and the limits on input."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE_RATE = 16_000
"""Hz. Every file is brought to mono at this rate; everything after `ml.audio` works at it."""


@dataclass(frozen=True)
class DecodeLimits:
    """What one analysis may cost. A file beyond `max_seconds` is cut, with a note; the other limits refuse."""

    max_seconds: float = 1200.0
    min_seconds: float = 1.0
    max_channels: int = 32
    min_sample_rate: int = 2_000
    max_sample_rate: int = 768_000
    decode_wall_seconds: float = 60.0
    decode_cpu_seconds: float = 20.0
    """Processor time of one pass over the file. Twenty minutes of a song take two seconds."""
    decode_memory_bytes: int = 1_000_000_000
    """Address space of a child process that decodes."""
    max_spool_bytes: int = 2 * 1024**3
    """Bytes copied to a temporary file from input that cannot be read in place."""


DEFAULT_LIMITS = DecodeLimits()
