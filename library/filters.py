"""What neighbours are asked to have."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select

from library.catalogue import Track


@dataclass(frozen=True)
class Filter:
    """What neighbours must have; None asks for nothing. Tempo is a range in beats per minute."""

    genre: str | None = None
    mood: str | None = None
    slowest_bpm: float | None = None
    fastest_bpm: float | None = None
    key: tuple[str, str] | None = None
    """Tonic and mode."""
    own: bool = False
    """Only tracks with a file: hides the reference once there is a library."""

    @property
    def is_open(self) -> bool:
        return self == Filter()

    def query(self) -> Select[int]:
        wanted = select(Track.id)
        if self.genre is not None:
            wanted = wanted.where(Track.genre == self.genre)
        if self.mood is not None:
            wanted = wanted.where(Track.mood == self.mood)
        if self.slowest_bpm is not None:
            wanted = wanted.where(Track.bpm >= self.slowest_bpm)
        if self.fastest_bpm is not None:
            wanted = wanted.where(Track.bpm <= self.fastest_bpm)
        if self.key is not None:
            wanted = wanted.where(Track.tonic == self.key[0], Track.mode == self.key[1])
        if self.own:
            wanted = wanted.where(Track.path.is_not(None))
        return wanted
