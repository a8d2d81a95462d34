"""One handed-in song heard by a process of the crew: its report with neighbours, and its pictures beside the sound."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from environment import Environment
from jobs.attempt import Listener, wake
from jobs.local import Tell
from jobs.neighbours import Company, accompany
from jobs.queue.feedback import EVIDENCE
from ml.audio.settings import Limits

if TYPE_CHECKING:
    from ml.pipeline import Hearing

PEAKS, SPECTROGRAM, CHROMAGRAM = PICTURES = ("peaks.json", "spectrogram.png", "chromagram.png")
BESIDE = (*PICTURES, EVIDENCE)
"""What lies beside the sound of a song that was heard."""
STAGES = {
    "decode": 0.02,
    "level": 0.1,
    "spectrogram": 0.12,
    "trunk": 0.2,
    "genre": 0.8,
    "mood": 0.84,
    "tempo": 0.85,
    "key": 0.9,
    "neighbours": 0.92,
    "pictures": 0.96,
}
"""How far a song is when each stage begins, by what the stages usually take."""


@dataclass(frozen=True)
class Song:
    """A song to be heard: its analysis, where its sound lies, and its name for people."""

    id: str
    folder: Path
    file: str
    name: str


def wake_among_the_library(environment: Environment) -> Listener:
    """The load step of each process: the model, ready for its first song, and the library to find neighbours in."""
    ear = partial(_wake_warm, environment.genre_weights, environment.mood_weights)
    return accompany(ear, environment.home, environment.database_url)


def _wake_warm(weights: Path | None, moods: Path | None) -> Listener:
    ear = wake(weights, moods)
    ear.warm_up()
    return ear


def listen(ear: Listener, song: Song, tell: Tell, *, limits: Limits) -> dict[str, Any]:
    """The song's report as JSON has it; the pictures are files in its folder by then."""
    hearing = ear.hear(song.folder / song.file, limits=limits, name=song.name, tell=tell)
    tell("neighbours")
    report = ear.among(hearing) if isinstance(ear, Company) else hearing.report
    tell("pictures")
    draw(hearing, song.folder)
    keep_evidence(hearing, song.folder)
    return report.to_dict()


def draw(hearing: Hearing, folder: Path) -> None:
    """What the page shows of the sound itself."""
    from ml.features import images

    if hearing.track is None:
        return
    (folder / PEAKS).write_text(json.dumps(images.peaks(hearing.track.samples)))
    (folder / SPECTROGRAM).write_bytes(images.spectrogram(hearing.track.heard_mel))
    (folder / CHROMAGRAM).write_bytes(images.chromagram(hearing.chromagram))


def keep_evidence(hearing: Hearing, folder: Path) -> None:
    """What the model heard, for the case that somebody says what it should have said."""
    import numpy as np

    np.save(folder / EVIDENCE, hearing.evidence.mean(axis=0).astype(np.float32), allow_pickle=False)
