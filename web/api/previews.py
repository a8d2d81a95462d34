"""Addresses of a track's page and of its audio, where the library holds the file."""

from __future__ import annotations

from dataclasses import replace

from flask import request
from sqlalchemy import select
from sqlalchemy.orm import load_only

from library.catalogue.tables import Track
from ml.report.schema import Neighbour, Neighbours, Report
from web.context import service


def track_page(track_id: str | int) -> str:
    return f"{request.script_root}/library/{track_id}"


def track_audio(track_id: str | int) -> str:
    return f"{track_page(track_id)}/audio"


def preview_url(track: Track) -> str | None:
    return track_audio(track.id) if track.path is not None and track.path.is_file() else None


def with_previews(report: Report) -> Report:
    """The report with the current `preview_url` of every neighbour."""
    by_kind: dict[str, tuple[Neighbour, ...]] = vars(report.neighbours)
    urls = _preview_urls({neighbour.track_id for kind in by_kind.values() for neighbour in kind})
    updated = {
        by: tuple(replace(neighbour, preview_url=urls.get(neighbour.track_id)) for neighbour in neighbours)
        for by, neighbours in by_kind.items()
    }
    return replace(report, neighbours=Neighbours(**updated))


def _preview_urls(track_ids: set[str]) -> dict[str, str | None]:
    numbers = [int(track_id) for track_id in track_ids if track_id.isascii() and track_id.isdigit()]
    with service().catalogue.session() as session:
        tracks = select(Track).where(Track.id.in_(numbers)).options(load_only(Track.path))
        return {str(track.id): preview_url(track) for track in session.scalars(tracks)}
