"""Decoding with libsndfile, block by block in this process: WAV, AIFF, AU, W64, FLAC, Ogg Vorbis, Ogg Opus and MP3."""

from __future__ import annotations

import io
import time
from typing import BinaryIO

import numpy as np
import soundfile

from ml.audio.header import Header, read_header
from ml.audio.mono import Decoded, Mono, Samples
from ml.audio.mpg123 import discard_c_stderr
from ml.audio.settings import DecodeLimits
from ml.audio.sniff import Kind
from ml.audio.source import Source, View
from ml.report import errors

BLOCK_SAMPLES = 1 << 18
"""Samples of all channels per read. Each read ends with a seek, which is slow in MP3: smaller blocks cost time."""

_BUFFER_BYTES = 1 << 16


def decode(source: Source, kind: Kind, limits: DecodeLimits, *, first_channel_only: bool = False) -> Decoded:
    """Decode up to `limits.max_seconds` of `source`."""
    header = read_header(View(source.file, kind.start), kind.format)
    _check(header.rate, header.channels, kind.format, limits)
    if header.is_cut:
        raise errors.IncompleteError(format=kind.format)
    view = View(source.file, kind.start + header.skip, header.patches, header.prefix)
    view.stop_at = time.thread_time() + limits.decode_cpu_seconds
    # mpg123 reads a few bytes at a time: the buffer answers in C and reads large pieces from the view.
    file = io.BufferedReader(view, _BUFFER_BYTES)
    with discard_c_stderr():
        try:
            with soundfile.SoundFile(file) as sound:
                _check(sound.samplerate, sound.channels, kind.format, limits)
                decoded = _read(sound, file, view.size, kind, header, limits, first_channel_only)
        except (RuntimeError, ValueError, TypeError, MemoryError) as error:
            raise errors.CorruptError(format=kind.format) from error
        finally:
            if view.failure is not None:
                raise errors.ReadError(reason=str(view.failure)) from view.failure
            if view.is_stopped:
                raise errors.DecoderTimeoutError(format=kind.format, seconds=limits.decode_cpu_seconds)
    return decoded


def _check(rate: float | None, channels: int | None, format: str, limits: DecodeLimits) -> None:
    if rate is not None and not limits.min_sample_rate <= rate <= limits.max_sample_rate:
        raise errors.SampleRateError(
            format=format, rate=rate, minimum=limits.min_sample_rate, maximum=limits.max_sample_rate
        )
    if channels is not None and channels > limits.max_channels:
        raise errors.ChannelsError(format=format, channels=channels, maximum=limits.max_channels)


def _read(
    sound: soundfile.SoundFile,
    file: BinaryIO,
    size: int,
    kind: Kind,
    header: Header,
    limits: DecodeLimits,
    first_channel_only: bool,
) -> Decoded:
    rate, channels = sound.samplerate, sound.channels
    mono = Mono(rate, limits.max_seconds, first_channel_only=first_channel_only)
    block: Samples = np.empty((BLOCK_SAMPLES // channels, channels), np.float32)
    left = int(np.ceil(min(limits.max_seconds, 1e6) * rate))
    deadline = time.monotonic() + limits.decode_wall_seconds
    frame_count, is_broken = 0, False
    try:
        while left > 0:
            # When libFLAC fails, the frames that it read before are in the block, but not their number.
            if kind.format == "FLAC":
                block.fill(np.nan)
            # `read` would stop at the length that the header states; this call reads what there is.
            count = sound.buffer_read_into(block[: min(left, len(block))], dtype="float32")
            if count == 0:
                break
            mono.add(block[:count])
            frame_count, left = frame_count + count, left - count
            if time.monotonic() > deadline:
                raise errors.DecoderTimeoutError(format=kind.format, seconds=limits.decode_wall_seconds)
        is_longer = left <= 0 and sound.buffer_read_into(block[:1], dtype="float32") > 0
    except soundfile.LibsndfileError:
        # A cut file ends this way too, but then the decoder has read the last byte.
        is_longer, is_broken = False, file.tell() < size
        if kind.format == "FLAC":
            mono.add(block[: int(np.argmax(np.isnan(block[:, -1])))])
    # One or two samples resample to none at our rate; the file is complete nevertheless.
    stated = header.stated_seconds or frame_count / rate
    return Decoded(mono.finish(), rate, kind.format, is_longer, is_broken, stated, *_tags(sound))


def _tags(sound: soundfile.SoundFile) -> tuple[str, str]:
    """Title and artist from the container, which is the only way to read the INFO chunk of a WAV."""
    try:
        return sound.title, sound.artist
    except (RuntimeError, UnicodeError):
        return "", ""
