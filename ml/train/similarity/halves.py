"""The other half: every clip of the research data cut in two, so that a right neighbour is known without a listener.

The first half asks, as it is and changed in ways that leave it the same music; the second half should answer. What is
heard is kept on disk, as hearing everything takes a quarter of an hour and every descriptor is judged on the same.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from ml.audio.ffmpeg import find_ffmpeg
from ml.audio.loading import Audio, from_samples, load
from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.features.chroma import BANDS, Chromagram
from ml.features.chroma import FRAMES_PER_SECOND as CHORDS_PER_SECOND
from ml.features.track import Track
from ml.models.card import hash_file
from ml.models.genre import TRUNK_OUTPUT_SIZE, WINDOW_SECONDS
from ml.models.tempo import estimate as estimate_tempo
from ml.pipeline import Pipeline
from ml.similarity import invariants, timbre
from ml.train.data.augmentation import as_is, mp3
from ml.train.data.corpus import EMOTIFY, GTZAN, Example, read_emotify, read_gtzan_clips

Change = Callable[[Floats], Floats]

LONG_SECONDS = 14.0
"""A clip from this length on is cut in two; a shorter one only makes the search harder."""
EMOTIFY_GENRES = {"classical", "electronic", "pop", "rock"}
BASELINE_FRAMES = 200
SEMITONES = (1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6)
UNTOUCHED, MP3 = "as it is", "MP3 at 64 kbit/s"
FEATURES_VERSION = 2
CROPS = 12
CROP_WINDOWS = (3, 5)
"""Of every long clip so many pieces are cut for learning, each of so many of the trunk's windows (9 to 15 seconds)."""


@dataclass(frozen=True)
class Piece:
    """What one piece of sound gave: `evidence` (windows, EVIDENCE_SIZE), `mel` as `ml.similarity.timbre` pools it.

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
    """Played faster or slower, then brought back to its length."""
    ratio = 2 ** (semitones / 12)
    return hurry(soxr.resample(samples, SAMPLE_RATE * ratio, SAMPLE_RATE), rate=1 / ratio)


def hurry(samples: Floats, *, rate: float) -> Floats:
    """Another tempo at the same pitch, by overlapping pieces of the wave.

    Not by a phase vocoder (librosa's): what that smears moves the trunk's embedding further than another song does.
    """
    sound = ["-f", "f32le", "-ar", str(SAMPLE_RATE)]
    command = [find_ffmpeg("PCM"), "-nostdin", "-v", "error", *sound, "-ac", "1", "-i", "pipe:0"]
    command += ["-af", f"atempo={rate:.9f}", *sound, "pipe:1"]
    heard = subprocess.run(command, input=samples.astype("<f4").tobytes(), capture_output=True, check=True)
    return np.frombuffer(heard.stdout, "<f4").astype(np.float32)


CHANGES: dict[str, Change] = {
    UNTOUCHED: as_is,
    **{f"transposed {steps:+d}": partial(transpose, semitones=steps) for steps in SEMITONES},
    MP3: mp3,
    "tempo +5 %": partial(hurry, rate=1.05),
    "tempo -5 %": partial(hurry, rate=0.95),
}


TRANSPOSITIONS = range(1, 1 + len(SEMITONES))
"""Their places among the changes."""
TRIED_TRANSPOSITIONS = 4
HEARD_TRANSPOSITIONS = 2
"""In how many of the twelve transpositions each clip asks, in turn, and in how many of those the trunk hears it, which
is nine tenths of the time."""


def read_examples(shared: Path) -> list[Example]:
    """Every clip of both collections."""
    return read_gtzan_clips(shared) + read_emotify(shared, EMOTIFY_GENRES)


def read_pieces(
    shared: Path, pipeline: Pipeline, cache: Path, show_progress: Callable[[str], None]
) -> Iterator[Piece]:
    """For a long clip its whole, its second half and every change of its first; for a short one its whole."""
    cache.mkdir(parents=True, exist_ok=True)
    examples = read_examples(shared)
    for number, example in enumerate(examples, start=1):
        show_progress(f"hearing {number}/{len(examples)}")
        hasher = hash_file(example.audio)
        listen = partial(_remembered, pipeline, cache, example, hasher)
        audio = load(example.audio)
        yield listen("whole", UNTOUCHED, audio.samples, as_is)
        if audio.duration_seconds < LONG_SECONDS:
            continue
        middle = len(audio.samples) // 2
        yield listen("second", UNTOUCHED, audio.samples[middle:], as_is)
        for place, (name, change) in enumerate(CHANGES.items()):
            turn = (place + 5 * number) % len(TRANSPOSITIONS)
            if place in TRANSPOSITIONS and turn % (len(TRANSPOSITIONS) // TRIED_TRANSPOSITIONS):
                continue
            heard = place not in TRANSPOSITIONS or turn % (len(TRANSPOSITIONS) // HEARD_TRANSPOSITIONS) == 0
            yield listen("first", name, audio.samples[:middle], change, heard=heard)


def crops(whole: Piece, seed: int) -> Iterator[Piece]:
    """Pieces of a clip to learn from: each begins elsewhere, and two of three are moved by some semitones.

    Moved on the keyboard, so that notes pass from one register into the next; the sound stays as it was.
    """
    choose = np.random.default_rng(seed)
    windows = len(whole.trunk_output)
    for number in range(CROPS):
        length = min(windows, int(choose.integers(*CROP_WINDOWS, endpoint=True)))
        start = int(choose.integers(0, windows - length, endpoint=True))
        steps = int(choose.integers(min(SEMITONES), max(SEMITONES), endpoint=True)) if number % 3 else 0
        tones = _cut(whole.chromagram.tones, start, length, CHORDS_PER_SECOND)
        yield replace(
            whole,
            part="crop",
            change=f"crop {number + 1}",
            chromagram=Chromagram(_moved(tones, steps), whole.chromagram.tuning_cents),
            trunk_output=whole.trunk_output[start : start + length],
            mel=_cut(whole.mel, start, length, timbre.FRAMES_PER_SECOND),
        )


def _cut(rows: Floats, start: int, length: int, rate: float) -> Floats:
    """Rows that belong to `length` windows from window `start` on; the last window may overlap the one before."""
    begin = min(int(start * WINDOW_SECONDS * rate), len(rows) - 1)
    return rows[begin : begin + max(1, int(length * WINDOW_SECONDS * rate))]


def _moved(tones: Floats, steps: int) -> Floats:
    moved = np.roll(tones, steps, axis=1)
    beyond = slice(0, steps) if steps >= 0 else slice(BANDS + steps, BANDS)
    moved[:, beyond] = 0
    return moved


def _remembered(
    pipeline: Pipeline,
    cache: Path,
    example: Example,
    digest: str,
    part: str,
    name: str,
    samples: Floats,
    change: Change,
    *,
    heard: bool = True,
) -> Piece:
    maker = getattr(change, "func", change).__name__
    key = f"{FEATURES_VERSION}|{maker}|{pipeline.model.identity.sha256}|{digest}|{part}|{name}"
    path = cache / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
    if not path.exists():
        partial_path = path.with_suffix(".partial.npz")
        np.savez(partial_path, **_compute(pipeline, from_samples(change(samples), SAMPLE_RATE), heard=heard))
        partial_path.replace(path)
    with np.load(path, allow_pickle=False) as kept:
        chromagram = Chromagram(kept["tones"], float(kept["tuning"]))
        mel = kept["mel"].astype(np.float32)
        return Piece(
            example, part, name, chromagram, kept["evidence"], mel, float(kept["bpm"]), kept["frames"]
        )


def _compute(pipeline: Pipeline, audio: Audio, *, heard: bool) -> dict[str, Any]:
    import librosa

    if heard:
        song_analysis = pipeline.run_audio(audio)
        chromagram, trunk_output, mel = (
            song_analysis.chromagram,
            song_analysis.trunk_output,
            song_analysis.mel,
        )
        tempo = song_analysis.report.tempo
    else:
        track = Track(audio, pipeline.model.bands)
        chromagram, trunk_output, mel = (
            track.chromagram,
            np.full((1, TRUNK_OUTPUT_SIZE), np.nan, np.float32),
            track.mel,
        )
        tempo = estimate_tempo(track.recorded_mel)
    frames = librosa.feature.chroma_stft(y=audio.samples, sr=SAMPLE_RATE).T[:BASELINE_FRAMES]
    return {
        "tones": chromagram.tones,
        "tuning": np.float32(chromagram.tuning_cents),
        "evidence": trunk_output,
        "mel": invariants.pool(mel).astype(np.float16),
        "bpm": np.float32(tempo.bpm if tempo else 0.0),
        "frames": frames.astype(np.float32),
    }


__all__ = ["CHANGES", "EMOTIFY", "GTZAN", "Piece", "read_examples", "read_pieces"]
