"""How much there is to do and how long it takes: for whoever waits, and for whoever watches the service."""

from __future__ import annotations

from sqlalchemy import func, select

from jobs.queue.analyses import DONE, STATES, Analysis
from library.catalogue.database import Catalogue


def count_states(catalogue: Catalogue) -> dict[str, int]:
    """How many analyses there are in each state."""
    with catalogue.session() as session:
        counted = session.execute(select(Analysis.state, func.count()).group_by(Analysis.state))
        found: dict[str, int] = {row[0]: row[1] for row in counted}
    return {state: found.get(state, 0) for state in STATES}


def usual_seconds(catalogue: Catalogue, songs: int = 20) -> float | None:
    """How long the songs took that were heard last; None where none was."""
    last = select(Analysis.started_at, Analysis.finished_at).where(Analysis.state == DONE)
    with catalogue.session() as session:
        rows = session.execute(last.order_by(Analysis.finished_at.desc()).limit(songs)).all()
    took = [(end - start).total_seconds() for start, end in rows if start and end]
    return sum(took) / len(took) if took else None
