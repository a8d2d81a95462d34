"""`load` turns a path or a file object into an `Audio`, or raises an error that says what the file is instead."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ml.audio import ffmpeg, libsndfile
from ml.audio.mono import Decoded, Mono, Samples, peak
from ml.audio.settings import DEFAULT_LIMITS, SAMPLE_RATE, DecodeLimits
from ml.audio.sniff import sniff
from ml.audio.source import open_source
from ml.audio.tags import UNTITLED, clean, title_and_artist
from ml.report import errors

SILENCE = 1e-4
"""Peak below which a signal is silent: -80 dB of full scale, below the noise of any recording."""

MISSING_SECONDS = 1.0
MISSING_SHARE = 0.05
"""A file that is shorter than its header states by more than both of these is refused, not analysed in part."""

LOUDEST = 16.0
"""Peak above which a float file was scaled wrongly (as 16-bit integers, say) rather than mastered loudly."""


@dataclass(frozen=True)
class Audio:
    """One mono signal at `SAMPLE_RATE`, and facts about its source.

    `samples` is float32, shape (n,), finite, contiguous and read-only; `duration_seconds` is their length, and `notes`
    say so if that is not the whole file; `sample_rate` (Hz) and `format` are the source's.
    """

    samples: Samples
    duration_seconds: float
    title: str
    artist: str | None = None
    notes: tuple[str, ...] = ()
    sample_rate: int = SAMPLE_RATE
    format: str = "samples"


def load(
    source: str | os.PathLike[str] | BinaryIO, *, limits: DecodeLimits = DEFAULT_LIMITS, name: str | None = None
) -> Audio:
    """Decode `source`. `name` is the file's name for people, if the path or file object has another."""
    with open_source(source, name, limits) as opened:
        if opened.size == 0:
            raise errors.EmptyError()
        kind = sniff(opened.file)
        if kind.reader is None:
            raise kind.refuse()
        decoder = libsndfile.decode if kind.reader == "soundfile" else ffmpeg.decode
        decoded = _decode(lambda first: decoder(opened, kind, limits, first_channel_only=first))
        title, artist = title_and_artist(opened.file, kind.format, opened.name, (decoded.title, decoded.artist))
        return _checked(decoded, title, artist, limits)


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

    def decode(first_channel_only: bool) -> Decoded:
        mono = Mono(rate, limits.max_seconds, first_channel_only=first_channel_only)
        step = libsndfile.BLOCK_SAMPLES // frames.shape[1]
        for start in range(0, len(frames), step):
            mono.add(frames[start : start + step])
        is_longer = len(frames) > limits.max_seconds * rate
        return Decoded(mono.finish(), rate, "samples", is_longer)

    return _checked(_decode(decode), clean(title) or UNTITLED, clean(artist or "") or None, limits)


def _decode(decode: Callable[[bool], Decoded]) -> Decoded:
    """Decode once, or a second time with the first channel only, if the channels cancel each other.

    A recording with one channel inverted mixes to silence, although people hear it. The second pass saves a search by
    channel in the usual case.
    """
    decoded = decode(False)
    if len(decoded.samples) and peak(decoded.samples) < SILENCE:
        decoded = decode(True)
    return decoded


def _checked(decoded: Decoded, title: str, artist: str | None, limits: DecodeLimits) -> Audio:
    """Refuse what cannot be analysed, and note what was changed or left out."""
    samples, seconds = decoded.samples, decoded.seconds
    _refuse_missing(decoded, limits)
    if seconds < limits.min_seconds:
        raise errors.TooShortError(seconds=seconds, minimum=limits.min_seconds)
    loudest = peak(samples)
    if not math.isfinite(loudest):
        raise errors.NotFiniteError(format=decoded.format)
    if loudest < SILENCE:
        raise errors.SilentError()
    notes = [f"Only the first {_length_text(limits.max_seconds)} were analysed."] if decoded.is_longer else []
    if loudest > LOUDEST:
        samples *= np.float32(1.0 / loudest)
        notes.append("The level was far above full scale and was reduced.")
    samples.flags.writeable = False
    return Audio(samples, seconds, title, artist, tuple(notes), decoded.sample_rate, decoded.format)


def _refuse_missing(decoded: Decoded, limits: DecodeLimits) -> None:
    seconds, stated = decoded.seconds, decoded.stated_seconds
    if decoded.is_longer:
        return
    if decoded.is_broken and seconds > 0:
        raise errors.DamagedError(format=decoded.format, seconds=seconds)
    expected = min(stated or 0.0, limits.max_seconds)
    if stated and expected - seconds > max(MISSING_SECONDS, MISSING_SHARE * expected):
        raise errors.TruncatedError(format=decoded.format, seconds=seconds, stated=stated)
    if seconds == 0 and not (stated and stated < limits.min_seconds):  # otherwise it is complete, and too short
        raise errors.CorruptError(format=decoded.format)


def _length_text(seconds: float) -> str:
    """1200 -> "20 minutes", 90 -> "90 seconds", 60 -> "60 seconds"."""
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 60:.1f} minutes" if seconds >= 120 else f"{seconds:g} seconds"
