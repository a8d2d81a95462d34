"""How many analyses wait and how long one takes: for the waiting page and for monitoring."""

from __future__ import annotations

from sqlalchemy import func, select

from jobs.queue.analyses import DONE, STATES, Analysis
from library.catalogue.database import Catalogue


def count_states(catalogue: Catalogue) -> dict[str, int]:
    """How many analyses there are in each state."""
    with catalogue.session() as session:
        rows = session.execute(select(Analysis.state, func.count()).group_by(Analysis.state)).all()
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in rows}


def usual_seconds(catalogue: Catalogue, songs: int = 20) -> float | None:
    """How long the last analyses took on average; None where there was none."""
    last = select(Analysis.started_at, Analysis.finished_at).where(Analysis.state == DONE)
    with catalogue.session() as session:
        rows = session.execute(last.order_by(Analysis.finished_at.desc()).limit(songs)).all()
    took = [(end - start).total_seconds() for start, end in rows if start and end]
    return sum(took) / len(took) if took else None
