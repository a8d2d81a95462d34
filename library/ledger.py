"""The ledger of failures: which file, why, when. A sentence and its facts are kept apart, for any language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from library.catalogue import Catalogue, Track


@dataclass(frozen=True)
class Failure:
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
            if track.path is not None and track.failure_code is not None:
                told = track.failure or {}
                yield Failure(
                    track.path,
                    track.failure_code,
                    told.get("sentence", ""),
                    told.get("facts", {}),
                    track.failed_at or datetime.fromtimestamp(0, UTC),
                )
