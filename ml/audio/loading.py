"""`load`: a path or a file object in, an `Audio` out, or an error that says what the file is instead."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ml.audio import ffmpeg, libsndfile
from ml.audio.decoded import Decoded
from ml.audio.mono import Mono, Samples, peak
from ml.audio.settings import DEFAULT_LIMITS, SAMPLE_RATE, DecodeLimits
from ml.audio.sniff import Kind, sniff
from ml.audio.source import Source, open_source
from ml.audio.tags import UNTITLED, clean, describe
from ml.report import errors

SILENCE = 1e-4
"""Peak below which a signal is silent: -80 dB of full scale, under any recording's own noise."""

MISSING_SECONDS = 1.0
MISSING_SHARE = 0.05
"""A file that keeps less than it promised by more than both of these is refused, not half analysed."""

LOUDEST = 16.0
"""Peak beyond which a float file was scaled wrongly (as 16-bit integers, say) rather than mastered hot."""


@dataclass(frozen=True)
class Audio:
    """One mono signal at `SAMPLE_RATE`, and what is known of where it came from.

    `samples` is float32, shape (n,), finite, contiguous and read-only; `duration_seconds` is what was analysed,
    which `notes` explains where it is not the whole file; `sample_rate` (Hz) and `format` are the source's.
    """

    samples: Samples
    duration_seconds: float
    title: str
    artist: str | None = None
    notes: tuple[str, ...] = ()
    sample_rate: int = SAMPLE_RATE
    format: str = "samples"


def load(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    limits: DecodeLimits = DEFAULT_LIMITS,
    name: str | None = None,
) -> Audio:
    """Hear `source`. `name` is the file's name for people, where the path or file object has another."""
    with open_source(source, name, limits) as opened:
        if opened.size == 0:
            raise errors.EmptyError()
        kind = sniff(opened.file)
        if kind.reader is None:
            raise kind.refuse()
        decoded = _decode(opened, kind, limits)
        title, artist = describe(opened.file, kind.format, opened.name, (decoded.title, decoded.artist))
        return _finished(decoded, title, artist, limits)


def from_samples(
    samples: npt.NDArray[np.floating],
    rate: int,
    *,
    title: str = UNTITLED,
    artist: str | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> Audio:
    """The same from an array, shape (n,) or (n, channels), full scale 1.0, at `rate` Hz."""
    frames = np.asarray(samples, np.float32)
    frames = frames[:, np.newaxis] if frames.ndim == 1 else frames
    if frames.ndim != 2 or not 1 <= frames.shape[1] <= limits.max_channels:
        raise ValueError(f"samples have shape {np.shape(samples)}, not (n,) or (n, channels)")
    if not limits.min_sample_rate <= rate <= limits.max_sample_rate:
        raise ValueError(f"rate is {rate} Hz, not {limits.min_sample_rate} to {limits.max_sample_rate}")

    def mixed(first_channel_only: bool) -> Decoded:
        mono = Mono(rate, limits.max_seconds, first_channel_only=first_channel_only)
        step = libsndfile.BLOCK_SAMPLES // frames.shape[1]
        for start in range(0, len(frames), step):
            mono.add(frames[start : start + step])
        more = len(frames) > limits.max_seconds * rate
        return Decoded(mono.finish(), rate, "samples", more)

    decoded = mixed(False)
    if frames.shape[1] > 1 and peak(decoded.samples) < SILENCE:
        decoded = mixed(True)
    return _finished(decoded, clean(title) or UNTITLED, clean(artist or "") or None, limits)


def _decode(source: Source, kind: Kind, limits: DecodeLimits) -> Decoded:
    """Decode once, or twice where the channels cancel each other.

    A recording with one channel inverted mixes to silence, though people hear it: then the first channel is
    taken alone. Another pass keeps the usual case free of a per-channel search.
    """
    reader = libsndfile.decode if kind.reader == "soundfile" else ffmpeg.decode
    decoded = reader(source, kind, limits)
    if len(decoded.samples) and peak(decoded.samples) < SILENCE:
        decoded = reader(source, kind, limits, first_channel_only=True)
    return decoded


def _finished(decoded: Decoded, title: str, artist: str | None, limits: DecodeLimits) -> Audio:
    """Refuse what cannot be analysed, and say what was left out of the rest."""
    samples, seconds = decoded.samples, decoded.seconds
    _refuse_missing(decoded, limits)
    if seconds < limits.min_seconds:
        raise errors.TooShortError(seconds=seconds, minimum=limits.min_seconds)
    loudest = peak(samples)
    if not math.isfinite(loudest):
        raise errors.NotFiniteError(format=decoded.format)
    if loudest < SILENCE:
        raise errors.SilentError()
    notes = [f"Only the first {_spoken(limits.max_seconds)} were analysed."] if decoded.more else []
    if loudest > LOUDEST:
        samples *= np.float32(1.0 / loudest)
        notes.append("The level was far above full scale and was reduced.")
    samples.flags.writeable = False
    return Audio(samples, seconds, title, artist, tuple(notes), decoded.sample_rate, decoded.format)


def _refuse_missing(decoded: Decoded, limits: DecodeLimits) -> None:
    seconds, promised = decoded.seconds, decoded.promised_seconds
    if decoded.more:
        return
    if decoded.broke and seconds > 0:
        raise errors.DamagedError(format=decoded.format, seconds=seconds)
    expected = min(promised or 0.0, limits.max_seconds)
    if promised and expected - seconds > max(MISSING_SECONDS, MISSING_SHARE * expected):
        raise errors.TruncatedError(format=decoded.format, seconds=seconds, promised=promised)
    if seconds == 0 and not (promised and promised < limits.min_seconds):  # else it is whole, and too short
        raise errors.CorruptError(format=decoded.format)


def _spoken(seconds: float) -> str:
    """1200 -> "20 minutes", 90 -> "90 seconds", 60 -> "60 seconds"."""
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 60:.1f} minutes" if seconds >= 120 else f"{seconds:g} seconds"
