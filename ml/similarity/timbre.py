"""Timbre: how each mel band is filled, how it varies over time, and how fast.

Together with the mean trunk output it gives the sound vector of a song. The trunk output describes instruments and
styles; the timbre describes the recording, the voice and the drums.
"""

from __future__ import annotations

import itertools
from dataclasses import astuple, dataclass

import numpy as np
import scipy

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.features.mel import HOP_SIZE, MEL_BANDS
from ml.features.musicality import Musicality
from ml.models.trunk import TAGS, TRUNK_OUTPUT_SIZE
from ml.similarity.invariants import POOLED_FRAMES

VERSION = 2
FRAMES_PER_SECOND = SAMPLE_RATE / HOP_SIZE / POOLED_FRAMES
CEPSTRA = 30
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
MODULATION_BANDS = 12
MODULATION_FRAMES = 256
"""Eight seconds, which resolves the period of a bar as well as a tremolo."""
MODULATION_HZ = (0.25, 0.6, 1, 1.5, 2.2, 3, 4, 5.5, 7.5, 10, 13, 15.7)
TIMBRE_SIZE = MEL_BANDS * (3 + len(QUANTILES)) + 3 * CEPSTRA + MODULATION_BANDS * (len(MODULATION_HZ) - 1)
_MUSICALITY_SIZE = 3
_MOST_FRAMES = 2000
"""Quantiles are taken over so many frames, evenly spread: over more they are the same and take longer."""


def measure(mel: Floats) -> Floats:
    """(TIMBRE_SIZE,) of log-mel frames (frames, MEL_BANDS) pooled by `pool`."""
    mel = mel if len(mel) > 1 else mel[[0, 0]]
    cepstra = scipy.fft.dct(mel, type=2, norm="ortho", axis=1)[:, :CEPSTRA]
    parts = [
        mel.mean(axis=0),
        mel.std(axis=0),
        cepstra.mean(axis=0),
        np.log(cepstra.std(axis=0) + 1e-3),
        np.log(np.diff(cepstra, axis=0).std(axis=0) + 1e-3),
        np.quantile(mel[:: 1 + len(mel) // _MOST_FRAMES], QUANTILES, axis=0).ravel(),
        np.abs(np.diff(mel, axis=0)).mean(axis=0),
        _modulation_spectrum(mel),
    ]
    return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True)
class SoundFeatures:
    """What a library stores for the sound of a song; the musicality is for classifying it with another head."""

    trunk_output: Floats
    """(TRUNK_OUTPUT_SIZE,), mean over windows."""
    timbre: Floats
    """(TIMBRE_SIZE,)"""
    musicality: Musicality


def pack(features: SoundFeatures) -> bytes:
    numbers = np.concatenate([features.trunk_output, astuple(features.musicality)]).astype("<f4")
    return numbers.tobytes() + features.timbre.astype("<f2").tobytes()


def unpack(packed: bytes) -> SoundFeatures:
    if len(packed) != 4 * (TRUNK_OUTPUT_SIZE + _MUSICALITY_SIZE) + 2 * TIMBRE_SIZE:
        raise ValueError(f"{len(packed)} bytes are not the size of packed sound features")
    numbers = np.frombuffer(packed, "<f4", TRUNK_OUTPUT_SIZE + _MUSICALITY_SIZE).astype(np.float32)
    timbre = np.frombuffer(packed, "<f2", offset=numbers.nbytes).astype(np.float32)
    return SoundFeatures(numbers[:TRUNK_OUTPUT_SIZE], timbre, Musicality(*numbers[TRUNK_OUTPUT_SIZE:].tolist()))


def features(trunk_output: Floats, timbre: Floats) -> Floats:
    """Tag logits, embedding and timbre. Tag probabilities are left out: they follow from the logits."""
    return np.concatenate([trunk_output[len(TAGS) :], timbre])


def _modulation_spectrum(mel: Floats) -> Floats:
    """Log magnitude of the changes of MODULATION_BANDS wide bands, between the edges of MODULATION_HZ."""
    bands = mel.reshape(len(mel), MODULATION_BANDS, -1).mean(axis=2)
    if len(bands) < MODULATION_FRAMES:
        bands = bands[np.arange(MODULATION_FRAMES) % len(bands)]
    view = np.lib.stride_tricks.sliding_window_view(bands, MODULATION_FRAMES, axis=0)
    windows = view[:: MODULATION_FRAMES // 4]  # (windows, bands, frames)
    tapered = (windows - windows.mean(axis=2, keepdims=True)) * np.hanning(MODULATION_FRAMES)
    spectrum = np.abs(np.fft.rfft(tapered, axis=2)).mean(axis=0) / MODULATION_FRAMES  # (bands, rates)
    edges = np.searchsorted(np.fft.rfftfreq(MODULATION_FRAMES, 1 / FRAMES_PER_SECOND), MODULATION_HZ)
    parts = [spectrum[:, low:high].mean(axis=1) for low, high in itertools.pairwise(edges.tolist())]
    return np.log(np.stack(parts) + 1e-4).ravel()
