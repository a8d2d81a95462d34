"""What each frame sounds like: timbre, pitch classes, brightness, loudness. Rows of numbers over time."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.fft

from ml.features.arrays import Doubles, Floats
from ml.features.handcrafted import spectrum
from ml.features.handcrafted.spectrum import FFT_SIZE, HOP_SIZE, Spectrum

MFCC_COUNT = 20
CONTRAST_BANDS = 6
CONTRAST_LOWEST_HZ = 200.0
CONTRAST_QUANTILE = 0.02
ROLLOFF_SHARE = 0.85
PITCH_HZ = (150.0, 4000.0)
PITCH_THRESHOLD = 0.1
_SILENT = 1e-10
_TINY = np.finfo(np.float32).tiny

NAMES = (
    *(f"mfcc_{number}" for number in range(1, MFCC_COUNT + 1)),
    *(f"chroma_{number}" for number in range(1, spectrum.CHROMA_BINS + 1)),
    *(f"tonnetz_{number}" for number in range(1, 7)),
    *(f"contrast_{number}" for number in range(1, CONTRAST_BANDS + 2)),
    "centroid", "bandwidth", "rolloff", "flatness", "zero_crossing_rate", "rms",
)  # fmt: skip
"""The rows of `measure`. Flatness is there because one published table has it."""


def measure(heard: Spectrum) -> Floats:
    """(len(NAMES), frames) of one piece of sound."""
    pitches = chroma(heard)
    single = np.stack([*shape(heard), *loudness(heard)])
    rows = [mfcc(heard), pitches, tonnetz(pitches), contrast(heard), single]
    return np.concatenate(rows).astype(np.float32)


def mfcc(heard: Spectrum) -> Floats:
    cepstrum: Floats = scipy.fft.dct(heard.mel_decibels, axis=1, norm="ortho")
    return cepstrum[:, :MFCC_COUNT].T


def chroma(heard: Spectrum) -> Floats:
    """Each frame's strongest pitch class is 1, whatever A the players tuned to."""
    raw = heard.power @ spectrum.chroma_filters(heard.rate, tuning(heard))
    strongest = raw.max(axis=1, keepdims=True)
    strongest[strongest < _TINY] = 1
    found: Floats = raw / strongest
    return found.T


def tuning(heard: Spectrum) -> float:
    """How far the spectrum's peaks lie from equal temperament at 440 Hz, as a part of a semitone, in hundredths."""
    hz = spectrum.frequencies(heard.rate)
    first, last = np.searchsorted(hz, PITCH_HZ[0]), np.searchsorted(hz, min(PITCH_HZ[1], heard.rate / 2))
    around = heard.power[:, first - 1 : last + 1]
    least = PITCH_THRESHOLD * heard.power.max(axis=1, keepdims=True)
    loud = around * (around > least)
    peaks = (loud[:, 1:-1] > loud[:, :-2]) & (loud[:, 1:-1] >= loud[:, 2:])
    frames, places = np.nonzero(peaks)
    before, at, after = (around[frames, places + step] for step in range(3))
    slope, bend = (after - before) / 2, after + before - 2 * at
    inside = np.abs(slope) < np.abs(bend)
    shift = np.where(inside, -slope / np.where(inside, bend, 1), 0)
    heights, pitches = at + slope * shift / 2, (places + first + shift) * heard.rate / FFT_SIZE
    if not len(pitches):
        return 0.0
    strong = pitches[heights >= np.median(heights)]
    apart = np.mod(12 * np.log2(strong / (440.0 / 16)), 1.0)
    apart[apart >= 0.5] -= 1.0
    counts, edges = np.histogram(apart, np.linspace(-0.5, 0.5, 101))
    return float(edges[counts.argmax()])


def tonnetz(pitches: Floats) -> Floats:
    """(6, frames): fifths, minor and major thirds as the corners of a torus, from (12, frames) chroma."""
    scale = np.array([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3])
    angles = np.multiply.outer(scale, np.arange(12))
    angles[::2] -= 0.5
    corners = np.array([1, 1, 1, 1, 0.5, 0.5])[:, None] * np.cos(np.pi * angles)
    total = np.abs(pitches).sum(axis=0)
    found: Floats = corners.astype(np.float32) @ (pitches / np.where(total < _TINY, 1, total))
    return found


def contrast(heard: Spectrum) -> Floats:
    """(CONTRAST_BANDS + 1, frames): how far in each octave the loudest bins stand above the faintest, in dB."""
    hz = spectrum.frequencies(heard.rate)
    edges = np.concatenate([[0.0], CONTRAST_LOWEST_HZ * 2.0 ** np.arange(CONTRAST_BANDS + 1)])
    valleys, peaks = [], []
    for band, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = np.flatnonzero((hz >= low) & (hz <= high))
        first = inside[0] - (band > 0)
        last = len(hz) - 1 if band == CONTRAST_BANDS else inside[-1]
        count = max(1, round(CONTRAST_QUANTILE * (last - first + 1)))
        stop = last + 1 if band == CONTRAST_BANDS else last
        ranked = np.sort(heard.magnitude[:, first:stop], axis=1)
        valleys.append(ranked[:, :count].mean(axis=1))
        peaks.append(ranked[:, -count:].mean(axis=1))
    return spectrum.decibels(np.array(peaks)) - spectrum.decibels(np.array(valleys))


def shape(heard: Spectrum) -> tuple[Doubles, Doubles, Doubles, Floats]:
    """Centroid, bandwidth and roll-off in Hz, and flatness, each (frames,)."""
    hz = spectrum.frequencies(heard.rate)
    part = (hz / hz[-1]).astype(np.float32)
    sums = (heard.magnitude @ np.stack([np.ones_like(part), part, part**2], axis=1)).astype(np.float64)
    total = np.where(sums[:, 0] < _TINY, 1, sums[:, 0])
    centroid, square = sums[:, 1] / total, sums[:, 2] / total
    bandwidth = np.sqrt(np.maximum(square - centroid**2, 0))
    grown = np.cumsum(heard.magnitude, axis=1)
    rolloff = hz[(grown < np.float32(ROLLOFF_SHARE) * grown[:, -1:]).sum(axis=1)]
    power = np.maximum(np.float32(_SILENT), heard.power)
    flatness: Floats = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    return centroid * hz[-1], bandwidth * hz[-1], rolloff, flatness


def loudness(heard: Spectrum) -> tuple[Doubles, Doubles]:
    """Zero crossings per sample and root mean square of each frame's samples, by running sums."""
    samples, frames = heard.samples, len(heard.bins)
    starts = np.arange(frames) * HOP_SIZE
    edged = np.pad(samples, FFT_SIZE // 2, mode="edge")
    negative = edged < -_SILENT
    crossed = np.cumsum(np.concatenate([[0], negative[1:] != negative[:-1]]))
    crossings = (crossed[starts + FFT_SIZE - 1] - crossed[starts]) / FFT_SIZE
    power = np.square(np.pad(samples, FFT_SIZE // 2), dtype=np.float64)
    grown = np.concatenate([[0.0], np.cumsum(power)])
    energy = np.maximum(grown[starts + FFT_SIZE] - grown[starts], 0) / FFT_SIZE
    return crossings, np.sqrt(energy)
