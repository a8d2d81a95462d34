"""The ledger of failures: which file, why, when. A sentence and its facts are kept apart, for any language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, tuple_

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track


@dataclass(frozen=True)
class Failure:
    track_id: int
    path: Path
    code: str
    sentence: str
    facts: dict[str, Any]
    at: datetime


def read_failures(catalogue: Catalogue) -> Iterator[Failure]:
    """Everything that could not be read, oldest first."""
    failed = select(Track).where(Track.failure_code.is_not(None)).order_by(Track.failed_at, Track.id)
    with catalogue.session() as session:
        for track in session.scalars(failed):
            if (failure := _failure(track)) is not None:
                yield failure


def latest_failures(catalogue: Catalogue, count: int, before: int | None = None) -> list[Failure]:
    """The newest `count`, newest first; those that come after the track `before` where that is given."""
    failed = select(Track).where(Track.failure_code.is_not(None), Track.path.is_not(None))
    with catalogue.session() as session:
        last = session.get(Track, before) if before is not None else None
        if last is not None:
            place = tuple_(last.failed_at, last.id)
            failed = failed.where(tuple_(Track.failed_at, Track.id) < place)
        newest = failed.order_by(Track.failed_at.desc(), Track.id.desc()).limit(count)
        return [failure for track in session.scalars(newest) if (failure := _failure(track)) is not None]


def _failure(track: Track) -> Failure | None:
    if track.path is None or track.failure_code is None:
        return None
    told, at = track.failure or {}, track.failed_at or datetime.fromtimestamp(0, UTC)
    return Failure(
        track.id, track.path, track.failure_code, told.get("sentence", ""), told.get("facts", {}), at
    )
