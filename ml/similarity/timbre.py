"""What a song sounds like: the genre model's mean evidence, and the colour of the sound that its tags do not name.

The evidence says which instruments and styles, the timbre says which recording room, which voice, which drum: how each
mel band is filled, how it goes up and down, and how fast.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.fft import dct

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.features.mel import HOP_SIZE, MEL_BANDS
from ml.features.musicality import Musicality
from ml.models.genre import TRUNK_OUTPUT_SIZE
from ml.models.trunk import TAGS

VERSION = 2
POOLED_FRAMES = 2
FRAMES_PER_SECOND = SAMPLE_RATE / HOP_SIZE / POOLED_FRAMES
CEPSTRA = 30
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
SWING_BANDS = 12
SWING_FRAMES = 256
"""Eight seconds, so that a bar is heard as well as a tremolo."""
SWINGS_HZ = (0.25, 0.6, 1, 1.5, 2.2, 3, 4, 5.5, 7.5, 10, 13, 15.7)
TIMBRE_SIZE = MEL_BANDS * (3 + len(QUANTILES)) + 3 * CEPSTRA + SWING_BANDS * (len(SWINGS_HZ) - 1)
_MUSIC_SIZE = 3
_MOST_FRAMES = 2000
"""Of a long song's frames so many are sorted, evenly spread: quantiles of more are the same and take longer."""


def pool(mel: Floats) -> Floats:
    """Log-mel (frames, MEL_BANDS) at half the rate, which is all that timbre looks at."""
    if len(mel) < POOLED_FRAMES:
        mel = mel[np.zeros(POOLED_FRAMES, int)]
    whole = len(mel) // POOLED_FRAMES * POOLED_FRAMES
    pooled: Floats = mel[:whole].reshape(-1, POOLED_FRAMES, MEL_BANDS).mean(axis=1)
    return pooled


def measure(pooled: Floats) -> Floats:
    """(TIMBRE_SIZE,) of pooled log-mel frames."""
    mel = pooled if len(pooled) > 1 else pooled[[0, 0]]
    cepstra = dct(mel, type=2, norm="ortho", axis=1)[:, :CEPSTRA]
    some = mel[:: 1 + len(mel) // _MOST_FRAMES]
    parts = [
        mel.mean(axis=0),
        mel.std(axis=0),
        cepstra.mean(axis=0),
        np.log(cepstra.std(axis=0) + 1e-3),
        np.log(np.diff(cepstra, axis=0).std(axis=0) + 1e-3),
        np.quantile(some, QUANTILES, axis=0).ravel(),
        np.abs(np.diff(mel, axis=0)).mean(axis=0),
        _swings(mel),
    ]
    return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True)
class SoundFeatures:
    """Mean evidence (EVIDENCE_SIZE,), timbre (TIMBRE_SIZE,) and whether it is music, which a new head asks again."""

    trunk_output: Floats
    timbre: Floats
    musicality: Musicality


def pack(kept: SoundFeatures) -> bytes:
    music = np.array([kept.musicality.pauses, kept.musicality.peakiness, kept.musicality.spread])
    parts = (kept.trunk_output.astype("<f4"), music.astype("<f4"), kept.timbre.astype("<f2"))
    return b"".join(part.tobytes() for part in parts)


def unpack(kept: bytes) -> SoundFeatures:
    if len(kept) != 4 * (TRUNK_OUTPUT_SIZE + _MUSIC_SIZE) + 2 * TIMBRE_SIZE:
        raise ValueError(f"{len(kept)} bytes are no evidence with its timbre")
    numbers = np.frombuffer(kept, "<f4", TRUNK_OUTPUT_SIZE + _MUSIC_SIZE).astype(np.float32)
    timbre = np.frombuffer(kept, "<f2", offset=numbers.nbytes).astype(np.float32)
    return SoundFeatures(
        numbers[:TRUNK_OUTPUT_SIZE], timbre, Musicality(*numbers[TRUNK_OUTPUT_SIZE:].tolist())
    )


def features(trunk_output: Floats, timbre: Floats) -> Floats:
    """The logits of the tags, the embedding and timbre; the tags' probabilities say no more than their logits."""
    return np.concatenate([trunk_output[len(TAGS) :], timbre])


def _swings(mel: Floats) -> Floats:
    """How strongly each of twelve wide bands goes up and down, by how fast."""
    wide = mel.reshape(len(mel), SWING_BANDS, -1).mean(axis=2)
    if len(wide) < SWING_FRAMES:
        wide = wide[np.arange(SWING_FRAMES) % len(wide)]
    windows = np.lib.stride_tricks.sliding_window_view(wide, SWING_FRAMES, axis=0)[:: SWING_FRAMES // 4]
    swing = (windows - windows.mean(axis=2, keepdims=True)) * np.hanning(SWING_FRAMES)
    spectrum = np.abs(np.fft.rfft(swing, axis=2)).mean(axis=0) / SWING_FRAMES  # (bands, rates)
    parts = [spectrum[:, low:high].mean(axis=1) for low, high in _swing_bins()]
    rates: Floats = np.log(np.stack(parts) + 1e-4).ravel()
    return rates


@cache
def _swing_bins() -> list[tuple[int, int]]:
    rates = np.fft.rfftfreq(SWING_FRAMES, 1 / FRAMES_PER_SECOND)
    edges = np.searchsorted(rates, SWINGS_HZ).tolist()
    return list(itertools.pairwise(edges))
