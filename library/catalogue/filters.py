"""Filters over tracks, for the list and for similar tracks alike."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement

from library.catalogue.sort_keys import LAST_NUMBER, key_number
from library.catalogue.tables import Track

AROUSAL_STEP = 0.1
"""Smallest difference in arousal that counts as livelier or calmer: about half the error of one prediction."""
FEELS = ("livelier", "calmer")

_COMPARISONS = {
    "genre": (Track.sort_genre, operator.eq),
    "mood": (Track.mood, operator.eq),
    "least_arousal": (Track.arousal, operator.ge),
    "most_arousal": (Track.arousal, operator.le),
    "slowest_bpm": (Track.sort_bpm, operator.ge),
    "fastest_bpm": (Track.sort_bpm, operator.le),
}


@dataclass(frozen=True)
class Filter:
    """What tracks must have; None allows everything. Tempo is a range in beats per minute."""

    genre: str | None = None
    mood: str | None = None
    least_arousal: float | None = None
    most_arousal: float | None = None
    slowest_bpm: float | None = None
    fastest_bpm: float | None = None
    key: tuple[str, str] | None = None
    """Tonic and mode."""
    own: bool = False
    """Only tracks with a file: hides the reference catalogue once there is a library."""

    def narrowed(self, feel: str, arousal: float) -> Filter:
        """The same filter, for tracks that are clearly "livelier" or "calmer" than this arousal."""
        if feel == "livelier":
            least = arousal + AROUSAL_STEP
            return replace(self, least_arousal=max(least, self.least_arousal or least))
        most = arousal - AROUSAL_STEP
        return replace(self, most_arousal=most if self.most_arousal is None else min(most, self.most_arousal))

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filter in SQL, on the columns that are indexed. An unknown value never matches."""
        conditions: list[ColumnElement[bool]] = [
            compare(column, value)
            for name, (column, compare) in _COMPARISONS.items()
            if (value := getattr(self, name)) is not None
        ]
        if self.slowest_bpm is not None:
            conditions.append(Track.sort_bpm < LAST_NUMBER)
        if self.key is not None:
            conditions.append(Track.sort_key == key_number(*self.key))
        if self.own:
            conditions.append(Track.path.is_not(None))
        return conditions
