"""The tags inside music files: the album, and what `--write-tags` puts there and takes back.

Only tags that have a common place are written: tempo, key, genre and mood. What was there before is kept in the
catalogue first, so that everything can be undone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from library.catalogue import Catalogue, TagChange, Track
from ml.errors import SoriError

FREE_TEXT = {"bpm": "TBPM", "initialkey": "TKEY", "mood": "TMOO"}
"""Names as Vorbis comments and MP4 call them, with the ID3 frame of each."""
NAMES = ("bpm", "initialkey", "genre", "mood")


class TagError(SoriError):
    code = "tags"
    sentence = "The tags of this file cannot be changed: {reason}"


@dataclass(frozen=True)
class Change:
    """One file's tags, before and after; what is empty is not there."""

    path: Path
    before: dict[str, list[str]]
    after: dict[str, list[str]]


def read_album(path: Path) -> str | None:
    """The album's name, where the file says it; whatever is wrong with its tags is no reason to fail."""
    import mutagen

    try:
        file = mutagen.File(path, easy=True)
        found = (file.tags or {}).get("album") if file is not None else None
    except Exception:  # mutagen raises whatever a damaged tag makes it stumble over
        return None
    return str(found[0]).strip() or None if found else None


def read_tags(path: Path) -> dict[str, list[str]]:
    file = _open(path)
    return {name: values for name in NAMES if (values := [str(value) for value in file.get(name, [])])}


def write_tags(path: Path, tags: dict[str, list[str]]) -> None:
    """Set the four tags to `tags`; those that it leaves out are removed."""
    file = _open(path)
    for name in NAMES:
        if values := tags.get(name):
            file[name] = values
        elif name in file:
            del file[name]
    try:
        file.save()
    except Exception as error:
        raise TagError(reason=str(error) or type(error).__name__) from error


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


def wanted(track: Track) -> dict[str, list[str]]:
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
    from library.keeping import hash_content

    work()
    status = path.stat()
    with catalogue.session() as session:
        for track in session.scalars(select(Track).where(Track.path == path)):
            track.size, track.mtime_ns = status.st_size, status.st_mtime_ns
            track.content = hash_content(path)
        session.commit()


def _open(path: Path) -> Any:
    import mutagen
    from mutagen.easyid3 import EasyID3
    from mutagen.easymp4 import EasyMP4Tags

    for name, frame in FREE_TEXT.items():
        if name not in EasyID3.valid_keys:
            EasyID3.RegisterTextKey(name, frame)  # type: ignore[no-untyped-call]
        if name not in EasyMP4Tags.Set:
            EasyMP4Tags.RegisterFreeformKey(name, name)  # type: ignore[no-untyped-call]
    try:
        file = mutagen.File(path, easy=True)
    except Exception as error:
        raise TagError(reason=str(error) or type(error).__name__) from error
    if file is None or not os.access(path, os.W_OK):
        raise TagError(
            reason="no tags are known for this format" if file is None else "it may not be written"
        )
    if file.tags is None:
        try:
            file.add_tags()
        except Exception as error:
            raise TagError(reason=str(error) or type(error).__name__) from error
    return file
