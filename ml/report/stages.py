"""The stages of one analysis, declared once: their names, how far along each begins, and how it is shown to people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """`starts_at` is the share of the usual time that has passed when the stage begins."""

    label: str
    starts_at: float


STAGES = {
    "decode": Stage("Reading the audio", 0.02),
    "level": Stage("Normalising the volume", 0.1),
    "spectrogram": Stage("Computing the spectrogram", 0.12),
    "trunk": Stage("Analysing the sound", 0.2),
    "genre": Stage("Classifying the genre", 0.8),
    "mood": Stage("Estimating the mood", 0.84),
    "tempo": Stage("Finding the tempo", 0.85),
    "key": Stage("Finding the key", 0.9),
    "lyrics": Stage("Reading the words", 0.91),
    "neighbours": Stage("Searching for similar songs", 0.92),
    "pictures": Stage("Drawing the pictures", 0.96),
}

SHARE_BEFORE_LYRICS, SHARE_AFTER_LYRICS = 0.1, 0.95
"""To transcribe words takes longer than all other stages. With it, these are the shares at its begin and end."""


def progress_at(stage: str, share: float = 0.0, *, with_lyrics: bool = False) -> float:
    """How far along (0..1) an analysis is after this share of a stage. A stage that is not declared counts as 0."""
    if stage not in STAGES:
        return 0.0
    begin = STAGES[stage].starts_at
    if not with_lyrics:
        return begin
    if stage == "lyrics":
        return SHARE_BEFORE_LYRICS + (SHARE_AFTER_LYRICS - SHARE_BEFORE_LYRICS) * min(max(share, 0.0), 1.0)
    lyrics = STAGES["lyrics"].starts_at
    if begin < lyrics:
        return SHARE_BEFORE_LYRICS * begin / lyrics
    return SHARE_AFTER_LYRICS + (1 - SHARE_AFTER_LYRICS) * (begin - lyrics) / (1 - lyrics)
