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
    "neighbours": Stage("Searching for similar songs", 0.92),
    "pictures": Stage("Drawing the pictures", 0.96),
}
