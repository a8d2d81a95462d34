"""The tags inside music files: the album, and what `--write-tags` puts there and takes back.

Only tags that have a common place are written: tempo, key, genre and mood. What was there before is kept in the
catalogue first, so that everything can be undone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.tables import TagChange, Track
from library.collection.records import File
from library.collection.tag_files import TagError, Tags, read_tags, write_tags
from ml.models.card import hash_file
from ml.report.errors import SoriError


@dataclass(frozen=True)
class Change:
    """One file's tags, before and after; what is empty is not there."""

    path: Path
    before: Tags
    after: Tags


def read_album(path: Path) -> str | None:
    """The album's name, where the file says it; whatever is wrong with its tags is no reason to fail."""
    from ml.audio import tags
    from ml.audio.sniff import sniff

    try:
        with path.open("rb") as file:
            return tags.read_album(file, sniff(file).format) or None
    except OSError:
        return None


def plan(catalogue: Catalogue) -> Iterator[Change]:
    """What would change in which file. Files that cannot carry tags are passed over."""
    with catalogue.session() as session:
        tracks = list(
            session.scalars(
                select(Track).where(Track.path.is_not(None), Track.failure_code.is_(None)).order_by(Track.id)
            )
        )
    for track in tracks:
        if track.path is None:
            continue
        try:
            before = read_tags(track.path)
        except TagError:
            continue
        after = before | wanted(track)
        if after != before:
            yield Change(track.path, before, after)


def wanted(track: Track) -> Tags:
    minor = "m" if track.mode == "minor" else ""
    confident = bool(track.report and track.report["genre"]["confident"])
    values = {
        "bpm": f"{track.bpm:.0f}" if track.bpm else None,
        "initialkey": f"{track.tonic}{minor}" if track.tonic else None,
        "genre": track.genre if confident else None,
        "mood": track.mood,
    }
    return {name: [value] for name, value in values.items() if value}


def apply(catalogue: Catalogue, change: Change) -> None:
    """Keep what was there, then write. The row comes first: an undo too many harms nothing."""
    with catalogue.session() as session:
        kept = TagChange(path=change.path, before=change.before, changed_at=datetime.now(UTC))
        session.add(kept)
        session.commit()
        _keep_known(catalogue, change.path, lambda: write_tags(change.path, change.after))


def undo(catalogue: Catalogue) -> Iterator[tuple[Path, SoriError | None]]:
    """Put every file's tags back to what they were before the first change, newest change first."""
    with catalogue.session() as session:
        for kept in list(session.scalars(select(TagChange).order_by(TagChange.id.desc()))):
            path, before = kept.path, kept.before
            try:
                _keep_known(catalogue, path, lambda: write_tags(path, before))  # noqa: B023 - called at once
            except TagError as error:
                yield path, error
                continue
            session.delete(kept)
            session.commit()
            yield path, None


def _keep_known(catalogue: Catalogue, path: Path, work: Any) -> None:
    """Our own change to a file must not make the next run hear it again."""
    work()
    try:
        file, content = File.of(path, path.stat()), hash_file(path)
    except OSError as error:
        raise TagError(reason=error.strerror or type(error).__name__) from error
    with catalogue.session() as session:
        for track in session.scalars(select(Track).where(Track.path == path)):
            track.size, track.mtime_ns = file.size, file.mtime_ns
            track.content = content
        session.commit()
