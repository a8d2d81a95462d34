"""Where a similar track is found: its page, and its sound where the library holds the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flask import request
from sqlalchemy import select

from library.catalogue.tables import Track
from ml.report.schema import Neighbour, Neighbours, Report
from web.context import service


def track_page(track_id: str | int) -> str:
    return f"{request.script_root}/library/{track_id}"


def track_audio(track_id: str | int) -> str:
    return f"{track_page(track_id)}/audio"


def with_previews(report: Report) -> Report:
    """The report with `preview_url` for every neighbour that can be played here and now."""
    found = report.neighbours
    playable = having_sound([*found.harmony, *found.sound])

    def addressed(neighbours: Iterable[Neighbour]) -> tuple[Neighbour, ...]:
        return tuple(
            replace(one, preview_url=track_audio(one.track_id) if one.track_id in playable else None)
            for one in neighbours
        )

    return replace(report, neighbours=Neighbours(addressed(found.harmony), addressed(found.sound)))


def having_sound(neighbours: Iterable[Neighbour]) -> set[str]:
    """The ids of those whose file is there; a reference track has none until somebody links one."""
    ids = {int(one.track_id) for one in neighbours if one.track_id.isascii() and one.track_id.isdigit()}
    if not ids:
        return set()
    with service().catalogue.session() as session:
        rows = session.execute(select(Track.id, Track.path).where(Track.id.in_(ids)))
        return {str(track_id) for track_id, path in rows if path is not None and path.is_file()}
