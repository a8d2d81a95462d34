"""What neighbours are asked to have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Select, select

from library.catalogue.tables import Track

AROUSAL_STEP = 0.1
"""How much livelier or calmer a song must be for people to hear it: about half of what a judgement errs by."""


@dataclass(frozen=True)
class Filter:
    """What neighbours must have; None asks for nothing. Tempo is a range in beats per minute."""

    genre: str | None = None
    mood: str | None = None
    least_arousal: float | None = None
    most_arousal: float | None = None
    slowest_bpm: float | None = None
    fastest_bpm: float | None = None
    key: tuple[str, str] | None = None
    """Tonic and mode."""
    own: bool = False
    """Only tracks with a file: hides the reference once there is a library."""

    def livelier(self, than: float) -> Filter:
        """The same, and clearly more stirring than `than`."""
        least = than + AROUSAL_STEP
        return replace(self, least_arousal=max(least, self.least_arousal or least))

    def calmer(self, than: float) -> Filter:
        most = than - AROUSAL_STEP
        return replace(self, most_arousal=most if self.most_arousal is None else min(most, self.most_arousal))

    @property
    def is_open(self) -> bool:
        return self == Filter()

    def query(self) -> Select[int]:
        wanted = select(Track.id)
        if self.genre is not None:
            wanted = wanted.where(Track.genre == self.genre)
        if self.mood is not None:
            wanted = wanted.where(Track.mood == self.mood)
        if self.least_arousal is not None:
            wanted = wanted.where(Track.arousal >= self.least_arousal)
        if self.most_arousal is not None:
            wanted = wanted.where(Track.arousal <= self.most_arousal)
        if self.slowest_bpm is not None:
            wanted = wanted.where(Track.bpm >= self.slowest_bpm)
        if self.fastest_bpm is not None:
            wanted = wanted.where(Track.bpm <= self.fastest_bpm)
        if self.key is not None:
            wanted = wanted.where(Track.tonic == self.key[0], Track.mode == self.key[1])
        if self.own:
            wanted = wanted.where(Track.path.is_not(None))
        return wanted
