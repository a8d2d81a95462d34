"""Harmonic-percussive separation: tones are ridges along time in a spectrogram, strokes are ridges along frequency."""

from __future__ import annotations

import numpy as np
import scipy

from ml.features.arrays import Floats
from ml.features.handcrafted.spectrum import TINY, Spectrum, invert

KERNEL = 31


def split(spectrum: Spectrum) -> tuple[Floats, Floats]:
    """(harmonic, percussive) samples, which add up to the input.

    Subtracting saves the second inverse transform: librosa computes both, with the same values.
    """
    harmonic = _running_medians(spectrum.magnitude.T).T
    percussive = _running_medians(spectrum.magnitude)
    highest = np.maximum(harmonic, percussive)
    silent = highest < TINY
    highest[silent] = 1
    mask = np.square(harmonic / highest)
    mask /= np.where(silent, 1, mask + np.square(percussive / highest))
    mask[silent] = 0.5
    samples = invert(spectrum.bins * mask, len(spectrum.samples))
    return samples, spectrum.samples - samples


def _running_medians(rows: Floats) -> Floats:
    """Running medians along each row.

    All rows are laid end to end, mirrored at their ends: SciPy's one-dimensional filter keeps its window sorted, ten
    times as fast as the filter for two dimensions.
    """
    edge = KERNEL // 2
    padded = np.pad(rows, ((0, 0), (edge, edge)), mode="symmetric")
    medians: Floats = scipy.ndimage.median_filter(padded.ravel(), size=KERNEL).reshape(padded.shape)
    return medians[:, edge:-edge]
