"""Features per frame: timbre, pitch classes, spectral shape and loudness."""

from __future__ import annotations

import itertools

import numpy as np
import scipy

from ml.features.arrays import Doubles, Floats
from ml.features.handcrafted import spectrum
from ml.features.handcrafted.spectrum import FFT_SIZE, HOP_SIZE, TINY, Spectrum

MFCC_COUNT = 20
CONTRAST_BANDS = 6
CONTRAST_LOWEST_HZ = 200.0
CONTRAST_QUANTILE = 0.02
ROLLOFF_SHARE = 0.85
PITCH_HZ = (150.0, 4000.0)
PITCH_THRESHOLD = 0.1
_SILENT = 1e-10

NAMES = (
    *(f"mfcc_{number}" for number in range(1, MFCC_COUNT + 1)),
    *(f"chroma_{number}" for number in range(1, spectrum.CHROMA_BINS + 1)),
    *(f"tonnetz_{number}" for number in range(1, 7)),
    *(f"contrast_{number}" for number in range(1, CONTRAST_BANDS + 2)),
    "centroid", "bandwidth", "rolloff", "flatness", "zero_crossing_rate", "rms",
)  # fmt: skip
"""The rows of `measure`. Flatness is one of them because a published table has it."""


def measure(sound: Spectrum) -> Floats:
    """(len(NAMES), frames)"""
    pitches = chroma(sound)
    scalars = np.stack([*shape(sound), *loudness(sound)])
    rows = [mfcc(sound), pitches, tonnetz(pitches), contrast(sound), scalars]
    return np.concatenate(rows).astype(np.float32)


def mfcc(sound: Spectrum) -> Floats:
    cepstrum: Floats = scipy.fft.dct(sound.mel_decibels, axis=1, norm="ortho")
    return cepstrum[:, :MFCC_COUNT].T


def chroma(sound: Spectrum) -> Floats:
    """(12, frames), corrected for tuning; the strongest pitch class of each frame is 1."""
    raw = sound.power @ spectrum.chroma_filters(sound.rate, tuning(sound))
    strongest = raw.max(axis=1, keepdims=True)
    strongest[strongest < TINY] = 1
    scaled: Floats = raw / strongest
    return scaled.T


def tuning(sound: Spectrum) -> float:
    """Deviation of spectral peaks from equal temperament at 440 Hz, in semitones, to hundredths."""
    hz = spectrum.frequencies(sound.rate)
    first, last = np.searchsorted(hz, PITCH_HZ[0]), np.searchsorted(hz, min(PITCH_HZ[1], sound.rate / 2))
    around = sound.power[:, first - 1 : last + 1]
    least = PITCH_THRESHOLD * sound.power.max(axis=1, keepdims=True)
    loud = around * (around > least)
    peaks = (loud[:, 1:-1] > loud[:, :-2]) & (loud[:, 1:-1] >= loud[:, 2:])
    frames, bins = np.nonzero(peaks)
    before, at, after = (around[frames, bins + step] for step in range(3))
    slope, curve = (after - before) / 2, after + before - 2 * at
    inside = np.abs(slope) < np.abs(curve)
    shift = np.where(inside, -slope / np.where(inside, curve, 1), 0)
    heights, pitches = at + slope * shift / 2, (bins + first + shift) * sound.rate / FFT_SIZE
    if not len(pitches):
        return 0.0
    strong = pitches[heights >= np.median(heights)]
    deviation = np.mod(12 * np.log2(strong / (440.0 / 16)), 1.0)
    deviation[deviation >= 0.5] -= 1.0
    counts, edges = np.histogram(deviation, np.linspace(-0.5, 0.5, 101))
    return float(edges[counts.argmax()])


def tonnetz(pitches: Floats) -> Floats:
    """(6, frames) tonal centroids from (12, frames) chroma: fifths, minor thirds and major thirds."""
    scale = np.array([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3])
    angles = np.multiply.outer(scale, np.arange(12))
    angles[::2] -= 0.5
    corners = np.array([1, 1, 1, 1, 0.5, 0.5])[:, None] * np.cos(np.pi * angles)
    total = np.abs(pitches).sum(axis=0)
    return np.asarray(corners.astype(np.float32) @ (pitches / np.where(total < TINY, 1, total)))


def contrast(sound: Spectrum) -> Floats:
    """(CONTRAST_BANDS + 1, frames): in each octave, the loudest bins over the faintest, in dB."""
    hz = spectrum.frequencies(sound.rate)
    edges = np.concatenate([[0.0], CONTRAST_LOWEST_HZ * 2.0 ** np.arange(CONTRAST_BANDS + 1)])
    valleys, peaks = [], []
    for band, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = np.flatnonzero((hz >= low) & (hz <= high))
        first = inside[0] - (band > 0)
        last = len(hz) - 1 if band == CONTRAST_BANDS else inside[-1]
        count = max(1, round(CONTRAST_QUANTILE * (last - first + 1)))
        stop = last + 1 if band == CONTRAST_BANDS else last
        ranked = np.sort(sound.magnitude[:, first:stop], axis=1)
        valleys.append(ranked[:, :count].mean(axis=1))
        peaks.append(ranked[:, -count:].mean(axis=1))
    return spectrum.decibels(np.array(peaks)) - spectrum.decibels(np.array(valleys))


def shape(sound: Spectrum) -> tuple[Doubles, Doubles, Doubles, Floats]:
    """Centroid, bandwidth and roll-off in Hz, and flatness, each (frames,)."""
    hz = spectrum.frequencies(sound.rate)
    share = (hz / hz[-1]).astype(np.float32)
    sums = (sound.magnitude @ np.stack([np.ones_like(share), share, share**2], axis=1)).astype(np.float64)
    total = np.where(sums[:, 0] < TINY, 1, sums[:, 0])
    centroid, square = sums[:, 1] / total, sums[:, 2] / total
    bandwidth = np.sqrt(np.maximum(square - centroid**2, 0))
    running = np.cumsum(sound.magnitude, axis=1)
    rolloff = hz[(running < np.float32(ROLLOFF_SHARE) * running[:, -1:]).sum(axis=1)]
    power = np.maximum(np.float32(_SILENT), sound.power)
    flatness: Floats = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    return centroid * hz[-1], bandwidth * hz[-1], rolloff, flatness


def loudness(sound: Spectrum) -> tuple[Doubles, Doubles]:
    """Zero crossings per sample and RMS of each frame (frames,), from running sums."""
    samples, frames = sound.samples, len(sound.bins)
    starts = np.arange(frames) * HOP_SIZE
    padded = np.pad(samples, FFT_SIZE // 2, mode="edge")
    negative = padded < -_SILENT
    changes = np.cumsum(np.concatenate([[0], negative[1:] != negative[:-1]]))
    crossings = (changes[starts + FFT_SIZE - 1] - changes[starts]) / FFT_SIZE
    power = np.square(np.pad(samples, FFT_SIZE // 2), dtype=np.float64)
    running = np.concatenate([[0.0], np.cumsum(power)])
    energy = np.maximum(running[starts + FFT_SIZE] - running[starts], 0) / FFT_SIZE
    return crossings, np.sqrt(energy)
