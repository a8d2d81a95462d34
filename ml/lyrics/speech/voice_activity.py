"""Voice activity: the stretches of a song in which somebody may sing or speak.

Each frame has three measures of the band from 120 to 3800 Hz. A voice is harmonic: its signal repeats with the pitch.
Its spectrum has peaks, yet sounds in many bands. And it changes all the time, because vowels and consonants follow
each other. Noise and drums are not harmonic, tones and held chords do not change. The thresholds are so low that
singing over loud music passes. So most music with changing harmony passes too; the recognition is then unsure of its
words, and they are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats, Mask
from ml.features.stft import hann, mel_filters

FRAME, HOP, FFT = 1024, 320, 2048
_BLOCK_FRAMES = 1500
"""Frames that are transformed at once: half a minute."""
LOW_HZ, HIGH_HZ = 120.0, 3800.0
LOWEST_PITCH_HZ, HIGHEST_PITCH_HZ = 80.0, 900.0
_BANDS = 40
_RANGE = 5.0
"""Bands more than this below the strongest (log10 of power) count as silent."""

HARMONIC = 0.5
"""Autocorrelation from which a frame counts as harmonic."""
FLATTEST = -0.6
"""Spectral flatness (log10) of a window of noise is larger."""
PUREST = -4.5
"""That of a tone or a chord of pure tones is smaller."""
LEAST_BAND_SHARE = 0.03
"""A bass drum leaves less of its energy in the band."""
QUIET_DB = 30.0
"""A frame so far below the loud frames of the song is a pause."""
SILENT_DB = -65.0
"""Nothing below this level of the band is a voice, however quiet the rest of the file is."""
CHANGE_FRAMES = 3
"""The spectrum is compared with the one 60 ms later."""
START_CHANGE, STAY_CHANGE = 0.18, 0.13
START_SHARE, STAY_SHARE = 0.30, 0.12
"""A stretch starts where both the change and the share of harmonic frames reach the first values, and lasts while
they stay above the second."""

WINDOW_SECONDS, STEP_SECONDS = 1.0, 0.25
PADDING_SECONDS = 0.5
LONGEST_GAP_SECONDS = 1.5
SHORTEST_SECONDS = 0.5


@dataclass(frozen=True)
class Stretch:
    """From sample `start` to sample `end`."""

    start: int
    end: int


@dataclass(frozen=True)
class Frames:
    """What is measured in each frame, every array of shape (frames,)."""

    level_db: Floats
    band_share: Floats
    harmonicity: Floats
    flatness: Floats
    change: Floats


def find(samples: Floats) -> list[Stretch]:
    """The stretches with a voice, in order, at least half a second long and without overlap."""
    if len(samples) < FRAME:
        return []
    frames = measure(samples)
    starts, lasts = _windows(frames)
    return _stretches(_hysteresis(starts, lasts), len(samples))


def measure(samples: Floats) -> Frames:
    count = (len(samples) - FRAME) // HOP + 1
    view = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    levels, shares, harmonicities, flatnesses, shapes = [], [], [], [], []
    for start in range(0, count, _BLOCK_FRAMES):
        power = np.square(np.abs(np.fft.rfft(view[start : start + _BLOCK_FRAMES] * hann(FRAME), FFT)))
        band = power * _BAND
        energy = band.sum(axis=1)
        levels.append(10 * np.log10(energy / _FULL_SCALE + 1e-12))
        shares.append(energy / (power.sum(axis=1) + 1e-9))
        harmonicities.append(_harmonicity(band))
        inside = power[:, _BAND] + 1e-9
        flatnesses.append(np.log(inside).mean(axis=1) / np.log(10) - np.log10(inside.mean(axis=1)))
        shapes.append(_shape(power))
    shape = np.concatenate(shapes)
    change = np.zeros(count, np.float32)
    change[CHANGE_FRAMES:] = np.abs(shape[CHANGE_FRAMES:] - shape[:-CHANGE_FRAMES]).mean(axis=1)
    measured = [np.concatenate(parts) for parts in (levels, shares, harmonicities, flatnesses)]
    return Frames(measured[0], measured[1], measured[2], measured[3], change)


_HZ = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)
_BAND: Mask = (_HZ > LOW_HZ) & (_HZ < HIGH_HZ)
_FULL_SCALE = float(FFT * np.square(hann(FRAME)).sum() / 4)
"""Energy of a sine at full scale, so that levels are in decibels below it."""
_HIGHEST_LAG = round(SAMPLE_RATE / LOWEST_PITCH_HZ)
_LOWEST_LAG = round(SAMPLE_RATE / HIGHEST_PITCH_HZ)
_TAPER: Floats = np.fft.irfft(np.square(np.abs(np.fft.rfft(hann(FRAME), FFT))))[: _HIGHEST_LAG + 1].astype(np.float32)
"""Autocorrelation of the window itself, which every autocorrelation of a frame is multiplied by."""


def _harmonicity(power: Floats) -> Floats:
    """The largest autocorrelation at the lag of a pitch, 0..1.

    Lags before the first fall below 0.3 are left out: neighbouring samples of any sound are alike.
    """
    correlation = np.fft.irfft(power)[:, : _HIGHEST_LAG + 1]
    correlation = correlation / (correlation[:, :1] + 1e-9) / (_TAPER / _TAPER[0])
    fallen = np.maximum.accumulate(correlation < 0.3, axis=1)
    fallen[:, :_LOWEST_LAG] = False
    return np.asarray(np.where(fallen, correlation, 0.0).max(axis=1).clip(0.0, 1.0), np.float32)


def _shape(power: Floats) -> Floats:
    """The levels of the voice's mel bands relative to their mean, (frames, bands)."""
    mel = np.log10(power.astype(np.float32) @ mel_filters(rate=SAMPLE_RATE, fft_size=FFT, bands=_BANDS) + 1e-8)
    mel = np.maximum(mel, mel.max(axis=1, keepdims=True) - _RANGE)[:, 6:30]
    return np.asarray(mel - mel.mean(axis=1, keepdims=True), np.float32)


def _windows(frames: Frames) -> tuple[Mask, Mask]:
    """For each window of a second: whether a stretch can start there, and whether it can go on."""
    size, step = (round(seconds * SAMPLE_RATE / HOP) for seconds in (WINDOW_SECONDS, STEP_SECONDS))
    threshold = max(float(np.quantile(frames.level_db, 0.95)) - QUIET_DB, SILENT_DB)
    starts, lasts = [], []
    for first in range(0, max(1, len(frames.level_db) - size + step), step):
        part = slice(first, first + size)
        loud = frames.level_db[part] > threshold
        if loud.sum() < size // 8:
            starts.append(False)
            lasts.append(False)
            continue
        share = float(np.mean(frames.harmonicity[part][loud] >= HARMONIC))
        change = float(np.median(frames.change[part][loud]))
        possible = PUREST < float(np.median(frames.flatness[part][loud])) < FLATTEST
        possible = possible and float(np.median(frames.band_share[part][loud])) >= LEAST_BAND_SHARE
        starts.append(possible and share >= START_SHARE and change >= START_CHANGE)
        lasts.append(possible and share >= STAY_SHARE and change >= STAY_CHANGE)
    return np.array(starts), np.array(lasts)


def _hysteresis(starts: Mask, lasts: Mask) -> Mask:
    """Runs of windows that can go on count where at least one window of the run can start."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lasts, [False]])))
    active = np.zeros(len(lasts), bool)
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        active[first:end] = starts[first:end].any()
    return active


def _stretches(active: Mask, length: int) -> list[Stretch]:
    """Padded, joined over short gaps, and without stretches that are too short for a word."""
    step, size, padding, gap, shortest = (
        round(seconds * SAMPLE_RATE)
        for seconds in (STEP_SECONDS, WINDOW_SECONDS, PADDING_SECONDS, LONGEST_GAP_SECONDS, SHORTEST_SECONDS)
    )
    found: list[Stretch] = []
    for number in np.flatnonzero(active):
        start, end = max(0, int(number) * step - padding), min(length, int(number) * step + size + padding)
        if found and start - found[-1].end <= gap:
            found[-1] = Stretch(found[-1].start, end)
        else:
            found.append(Stretch(start, end))
    return [stretch for stretch in found if stretch.end - stretch.start >= shortest]
