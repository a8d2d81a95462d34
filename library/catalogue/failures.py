"""The failure log: which file, why and when. The sentence and its facts are separate, so that it can be translated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, tuple_

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track

_FAILED = select(Track).where(Track.failure_code.is_not(None), Track.path.is_not(None))


@dataclass(frozen=True)
class Failure:
    track_id: int
    path: Path
    code: str
    sentence: str
    facts: dict[str, Any]
    at: datetime

    @classmethod
    def of(cls, track: Track) -> Failure:
        if track.path is None or track.failure_code is None:
            raise ValueError(f"track {track.id} is not a file that failed")
        failure, at = track.failure or {}, track.failed_at or datetime.fromtimestamp(0, UTC)
        sentence, facts = failure.get("sentence", ""), failure.get("facts", {})
        return cls(track.id, track.path, track.failure_code, sentence, facts, at)


def read_failures(catalogue: Catalogue) -> Iterator[Failure]:
    """All failures, oldest first."""
    with catalogue.session() as session:
        for track in session.scalars(_FAILED.order_by(Track.failed_at, Track.id)):
            yield Failure.of(track)


def latest_failures(catalogue: Catalogue, count: int, before: int | None = None) -> list[Failure]:
    """The `count` newest failures, newest first; with `before`, those that follow the failure of that track."""
    failed = _FAILED
    with catalogue.session() as session:
        last = session.get(Track, before) if before is not None else None
        if last is not None:
            failed = failed.where(tuple_(Track.failed_at, Track.id) < tuple_(last.failed_at, last.id))
        newest = failed.order_by(Track.failed_at.desc(), Track.id.desc()).limit(count)
        return [Failure.of(track) for track in session.scalars(newest)]
