"""First step of training the projections: recordings cut in two, so that the right neighbour of each half is known.

The first half is the query, as it is and changed in ways that leave it the same music; the second half is what a search
should find. Features are cached, because extracting all of them takes a quarter of an hour.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soxr

from ml.audio.ffmpeg import find_ffmpeg
from ml.audio.loading import Audio, from_samples, load
from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.features.chroma import BANDS, Chromagram
from ml.features.chroma import FRAMES_PER_SECOND as CHROMA_FRAMES_PER_SECOND
from ml.features.track import Track
from ml.models.card import hash_file
from ml.models.genre import WINDOW_SECONDS
from ml.models.tempo import estimate as estimate_tempo
from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.pipeline import Pipeline, SongAnalysis
from ml.report.progress import counted
from ml.similarity import invariants, timbre
from ml.train.data.augmentation import mp3, unchanged
from ml.train.data.corpus import LONG_SECONDS, Example, read_emotify, read_gtzan_clips
from ml.train.files import Cache

Change = Callable[[Floats], Floats]

EMOTIFY_GENRES = {"classical", "electronic", "pop", "rock"}
BASELINE_FRAMES = 200
SEMITONES = (1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6)
UNCHANGED, MP3 = "as it is", "MP3 at 64 kbit/s"
VERSION = 3
"""Part of the keys of cached results. Raise it when a piece or a change gives other numbers."""
EXCERPTS = 12
EXCERPT_WINDOWS = (3, 5)
"""Number of training excerpts of every long clip, and their length in windows of the trunk (9 to 15 seconds)."""


@dataclass(frozen=True)
class Piece:
    """Features of a piece of a recording: `trunk_output` (windows, TRUNK_OUTPUT_SIZE), `mel` as pooled for timbre.

    `frames` is librosa's chroma_stft (frames, 12), for the baseline alone.
    """

    example: Example
    part: str
    change: str
    chromagram: Chromagram
    trunk_output: Floats
    mel: Floats
    bpm: float
    frames: Floats

    @property
    def seconds(self) -> float:
        return len(self.mel) / timbre.FRAMES_PER_SECOND

    @property
    def mean_trunk_output(self) -> Floats:
        mean: Floats = self.trunk_output.mean(axis=0)
        return mean


def transpose(samples: Floats, *, semitones: int) -> Floats:
    """Resample to another pitch, then restore the length."""
    ratio = 2 ** (semitones / 12)
    return change_tempo(soxr.resample(samples, SAMPLE_RATE * ratio, SAMPLE_RATE), rate=1 / ratio)


def change_tempo(samples: Floats, *, rate: float) -> Floats:
    """Another tempo at the same pitch, by overlapping pieces of the wave.

    A phase vocoder (librosa's) blurs the sound so much that the trunk's embedding differs more than between two songs.
    """
    sound = ["-f", "f32le", "-ar", str(SAMPLE_RATE)]
    command = [find_ffmpeg("PCM"), "-nostdin", "-v", "error", *sound, "-ac", "1", "-i", "pipe:0"]
    command += ["-af", f"atempo={rate:.9f}", *sound, "pipe:1"]
    result = subprocess.run(command, input=samples.astype("<f4").tobytes(), capture_output=True, check=True)
    return np.frombuffer(result.stdout, "<f4").astype(np.float32)


CHANGES: dict[str, Change] = {
    UNCHANGED: unchanged,
    **{f"transposed {steps:+d}": partial(transpose, semitones=steps) for steps in SEMITONES},
    MP3: mp3,
    "tempo +5 %": partial(change_tempo, rate=1.05),
    "tempo -5 %": partial(change_tempo, rate=0.95),
}
TRANSPOSITIONS = range(1, 1 + len(SEMITONES))
"""Their places among the changes."""
QUERY_TRANSPOSITIONS = 4
TRUNK_TRANSPOSITIONS = 2
"""Of the twelve transpositions, in turn: how many are queries of one clip, and for how many of these the trunk runs,
which is nine tenths of the time."""


def read_pieces(shared: Path, pipeline: Pipeline, cache: Path) -> Iterator[Piece]:
    """Of a long clip the whole, its second half and every change of its first; of a short one the whole."""
    examples = read_gtzan_clips(shared) + read_emotify(shared, EMOTIFY_GENRES)
    for number, example in enumerate(counted(examples, "recording pieces"), start=1):
        yield from _pieces(example, number, pipeline, Cache(cache))


def _pieces(example: Example, number: int, pipeline: Pipeline, cache: Cache) -> Iterator[Piece]:
    audio, file_hash = load(example.audio), hash_file(example.audio)

    def piece(part: str, change: str, samples: Floats, *, with_trunk: bool = True) -> Piece:
        def compute() -> Mapping[str, Any]:
            changed = from_samples(CHANGES[change](samples), SAMPLE_RATE)
            return _extract(pipeline, changed, with_trunk=with_trunk)

        key = f"pieces {VERSION}|{pipeline.model.identity.sha256}|{file_hash}|{part}|{change}"
        arrays = cache.get_arrays(key, compute)
        chromagram = Chromagram(arrays["tones"], float(arrays["tuning"]))
        mel, bpm = arrays["mel"].astype(np.float32), float(arrays["bpm"])
        return Piece(example, part, change, chromagram, arrays["trunk_output"], mel, bpm, arrays["frames"])

    yield piece("whole", UNCHANGED, audio.samples)
    if audio.duration_seconds < LONG_SECONDS:
        return
    middle = len(audio.samples) // 2
    yield piece("second", UNCHANGED, audio.samples[middle:])
    for place, change in enumerate(CHANGES):
        turn = (place + 5 * number) % len(TRANSPOSITIONS)
        if place in TRANSPOSITIONS and turn % (len(TRANSPOSITIONS) // QUERY_TRANSPOSITIONS):
            continue
        with_trunk = place not in TRANSPOSITIONS or turn % (len(TRANSPOSITIONS) // TRUNK_TRANSPOSITIONS) == 0
        yield piece("first", change, audio.samples[:middle], with_trunk=with_trunk)


def _extract(pipeline: Pipeline, audio: Audio, *, with_trunk: bool) -> dict[str, Any]:
    features: SongAnalysis | Track
    if with_trunk:
        features = analysis = pipeline.run_audio(audio)
        trunk_output, tempo = analysis.trunk_output, analysis.report.tempo
    else:
        features = track = Track(audio, pipeline.model.bands)
        trunk_output = np.full((1, TRUNK_OUTPUT_SIZE), np.nan, np.float32)
        tempo = estimate_tempo(track.recorded_mel)
    frames = librosa.feature.chroma_stft(y=audio.samples, sr=SAMPLE_RATE).T[:BASELINE_FRAMES]
    return {
        "tones": features.chromagram.tones,
        "tuning": np.float32(features.chromagram.tuning_cents),
        "trunk_output": trunk_output,
        "mel": invariants.pool(features.mel).astype(np.float16),
        "bpm": np.float32(tempo.bpm if tempo else 0.0),
        "frames": frames.astype(np.float32),
    }


def random_excerpts(whole: Piece, seed: int) -> Iterator[Piece]:
    """Excerpts of a clip for training, from random places; two of three are transposed by a random interval.

    The chromagram is shifted along the keyboard, so that notes change register; the other features stay as they are.
    """
    random = np.random.default_rng(seed)
    windows = len(whole.trunk_output)
    for number in range(EXCERPTS):
        length = min(windows, int(random.integers(*EXCERPT_WINDOWS, endpoint=True)))
        start = int(random.integers(0, windows - length, endpoint=True))
        steps = int(random.integers(min(SEMITONES), max(SEMITONES), endpoint=True)) if number % 3 else 0
        tones = _cut(whole.chromagram.tones, start, length, CHROMA_FRAMES_PER_SECOND)
        yield replace(
            whole,
            part="excerpt",
            change=f"excerpt {number + 1}",
            chromagram=Chromagram(_shift(tones, steps), whole.chromagram.tuning_cents),
            trunk_output=whole.trunk_output[start : start + length],
            mel=_cut(whole.mel, start, length, timbre.FRAMES_PER_SECOND),
        )


def _cut(rows: Floats, start: int, length: int, rate: float) -> Floats:
    """Rows that belong to `length` windows from window `start` on; the last window may overlap the one before."""
    begin = min(int(start * WINDOW_SECONDS * rate), len(rows) - 1)
    return rows[begin : begin + max(1, int(length * WINDOW_SECONDS * rate))]


def _shift(tones: Floats, steps: int) -> Floats:
    """Move every note by `steps` keys; notes beyond either end are lost."""
    shifted = np.roll(tones, steps, axis=1)
    shifted[:, slice(0, steps) if steps >= 0 else slice(BANDS + steps, BANDS)] = 0
    return shifted
