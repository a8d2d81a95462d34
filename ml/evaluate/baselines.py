"""Baselines to compare with: tempo by librosa, key by Krumhansl's profiles, hand-crafted features by librosa.

librosa is imported inside the functions: it is slow to load, and tests check that it is not loaded with this module.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.report.keys import TONICS

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""


LIBROSA_RATE = 22_050

KRUMHANSL = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""Krumhansl and Kessler's probe-tone ratings, tonic first."""


def librosa_load(path: Path) -> tuple[Floats, int]:
    """Samples and their rate as `librosa.load` returns them by default, without its fallback decoders."""
    import librosa
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = librosa.to_mono(samples.T)
    return librosa.resample(mono, orig_sr=rate, target_sr=LIBROSA_RATE), LIBROSA_RATE


def librosa_tempo(samples: Floats, *, sample_rate: int = SAMPLE_RATE, method: str = "beat_track") -> float:
    """Beats per minute by `librosa.beat.beat_track` or `librosa.feature.tempo` with its defaults."""
    import librosa

    if method not in ("beat_track", "tempo"):
        raise ValueError(f"method {method!r} is neither 'beat_track' nor 'tempo'")
    if method == "tempo":
        return float(librosa.feature.tempo(y=samples, sr=sample_rate)[0])
    tempo, _ = librosa.beat.beat_track(y=samples, sr=sample_rate)
    return float(np.atleast_1d(tempo)[0])


def krumhansl_key(samples: Floats, *, sample_rate: int = SAMPLE_RATE, chroma: str = "cqt") -> tuple[str, str]:
    """(tonic, mode) whose rotated Krumhansl profile correlates best with librosa's mean chroma.

    `chroma` is "cqt" or "stft".
    """
    import librosa

    if chroma not in ("cqt", "stft"):
        raise ValueError(f"chroma {chroma!r} is neither 'cqt' nor 'stft'")
    extract = librosa.feature.chroma_cqt if chroma == "cqt" else librosa.feature.chroma_stft
    mean = extract(y=samples, sr=sample_rate).mean(axis=1)
    scores = {
        (TONICS[tonic], mode): float(np.corrcoef(np.roll(ratings, tonic), mean)[0, 1])
        for mode, ratings in KRUMHANSL.items()
        for tonic in range(12)
    }
    return max(scores, key=scores.__getitem__)


def librosa_series(samples: Floats, rate: int) -> tuple[Floats, Floats, Floats, float]:
    """The features of `ml.features.handcrafted`, computed with one librosa function after the other.

    Returns the series (rows, frames), the harmonic and the percussive waveform, and the tempo.
    """
    import librosa

    of = librosa.feature
    rows = [
        of.mfcc(y=samples, sr=rate, n_mfcc=20),
        of.chroma_stft(y=samples, sr=rate),
        of.tonnetz(y=samples, sr=rate, chroma=of.chroma_stft(y=samples, sr=rate)),
        of.spectral_contrast(y=samples, sr=rate),
        of.spectral_centroid(y=samples, sr=rate),
        of.spectral_bandwidth(y=samples, sr=rate),
        of.spectral_rolloff(y=samples, sr=rate),
        of.spectral_flatness(y=samples),
        of.zero_crossing_rate(samples),
        of.rms(y=samples),
    ]
    harmonic, percussive = librosa.effects.hpss(samples)
    tempo = float(of.tempo(y=samples, sr=rate)[0])
    return np.concatenate(rows).astype(np.float32), harmonic, percussive, tempo
