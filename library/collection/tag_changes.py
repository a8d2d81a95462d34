"""The tags inside music files: reads the album, and writes what `--write-tags` asks for and takes it back.

Only tags with a common place in every format are written: tempo, key, genre and mood. The tags from before are stored
in the catalogue first, so that everything can be undone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.tables import TagChange, Track, TrackReport
from library.collection.files import File, hash_content
from library.collection.tag_files import TagError, Tags, read_tags, write_tags
from ml.audio import tags
from ml.audio.sniff import sniff
from ml.report.errors import SoriError
from ml.report.keys import spell_tonic


@dataclass(frozen=True)
class PlannedChange:
    """One file's tags, before and after; a tag without a value is left out."""

    path: Path
    before: Tags
    after: Tags


def read_album(path: Path) -> str | None:
    """The album that the tags name; None where there is none or the tags are damaged."""
    try:
        with path.open("rb") as file:
            return tags.read_album(file, sniff(file).format) or None
    except OSError:
        return None


def plan(catalogue: Catalogue) -> Iterator[PlannedChange]:
    """What would change in which file. Files that cannot hold tags are left out."""
    confident = TrackReport.report[("genre", "confident")].as_boolean()
    analysed = (
        select(Track, confident)
        .outerjoin(TrackReport, TrackReport.track_id == Track.id)
        .where(Track.path.is_not(None), Track.failure_code.is_(None))
        .order_by(Track.id)
    )
    with catalogue.session() as session:
        rows = session.execute(analysed).all()
    for track, is_confident in rows:
        if track.path is None:
            continue
        try:
            before = read_tags(track.path)
        except TagError:
            continue
        after = before | tags_to_write(track, confident=bool(is_confident))
        if after != before:
            yield PlannedChange(track.path, before, after)


def tags_to_write(track: Track, *, confident: bool) -> Tags:
    """The tags of a track. The genre is left out unless its prediction is confident.

    A key is written as ID3 defines TKEY: `Ebm` with an ASCII flat, `F#` with a sharp.
    """
    key = None
    if track.tonic and track.mode:
        key = spell_tonic(track.tonic, track.mode).replace("♭", "b") + ("m" if track.mode == "minor" else "")
    values = {
        "bpm": f"{track.bpm:.0f}" if track.bpm else None,
        "initialkey": key,
        "genre": track.genre if confident else None,
        "mood": track.mood,
    }
    return {name: [value] for name, value in values.items() if value}


def apply(catalogue: Catalogue, change: PlannedChange) -> None:
    """Store the tags from before, then write. In this order, as an undo without a change does no harm."""
    with catalogue.transaction() as session:
        session.add(TagChange(path=change.path, before=change.before, changed_at=datetime.now(UTC)))
    _write(catalogue, change.path, change.after)


def undo(catalogue: Catalogue) -> Iterator[tuple[Path, SoriError | None]]:
    """Restore every file's tags from before the first change, newest change first."""
    with catalogue.session() as session:
        for change in list(session.scalars(select(TagChange).order_by(TagChange.id.desc()))):
            try:
                _write(catalogue, change.path, change.before)
            except TagError as error:
                yield change.path, error
                continue
            session.delete(change)
            session.commit()
            yield change.path, None


def _write(catalogue: Catalogue, path: Path, wanted: Tags) -> None:
    """Write tags, and update the row, so that the next scan does not analyse the file again."""
    write_tags(path, wanted)
    try:
        file, content = File.of(path, path.stat()), hash_content(path)
    except OSError as error:
        raise TagError(reason=error.strerror or type(error).__name__) from error
    with catalogue.transaction() as session:
        for track in session.scalars(select(Track).where(Track.path == path)):
            track.size, track.mtime_ns, track.content = file.size, file.mtime_ns, content
