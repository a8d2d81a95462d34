"""The failure log, newest first and page by page."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.failures import latest_failures, read_failures
from library.catalogue.tables import Track
from tests.library.catalogue.test_listing import add


def test_failures_are_read_page_by_page(catalogue: Catalogue) -> None:
    ids = [add(catalogue, f"{number}", failure_code="unreadable") for number in range(5)]
    with catalogue.session() as session:
        for track in session.scalars(select(Track)):
            track.failed_at = datetime(2026, 1, 1 + track.id % 2, tzinfo=UTC)
        session.commit()
    first = latest_failures(catalogue, 3)
    rest = latest_failures(catalogue, 3, first[-1].track_id)
    shown = [failure.track_id for failure in (*first, *rest)]
    assert sorted(shown) == ids and len(rest) == 2
    assert shown == sorted(ids, key=lambda track_id: (track_id % 2, track_id), reverse=True)
    assert [failure.track_id for failure in read_failures(catalogue)] == shown[::-1]
