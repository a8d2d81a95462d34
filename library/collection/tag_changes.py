"""The tags inside music files: reads the album, and writes what `--write-tags` asks for and takes it back.

Only tags with a common place in every format are written: tempo, key, genre and mood. The catalogue stores the tags
before and after each change, and what the file holds. So an undo restores only tags that still are as Sori wrote them,
and only in the file that it wrote them to, whatever has that name by then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, select, update

from library.catalogue.database import Catalogue
from library.catalogue.tables import TagChange, Track, TrackReport
from library.collection import replacement
from library.collection.files import File
from library.collection.replacement import ChangingError, Original, TagError, copy_of, open_original
from library.collection.tag_files import NAMES, Tags, as_tag_error, read_tags, set_tags, tags_of
from ml.audio import tags
from ml.audio.loading import load
from ml.audio.settings import DecodeLimits
from ml.audio.sniff import sniff
from ml.report.errors import AudioError
from ml.report.keys import spell_tonic

_BLOCK_BYTES = 1 << 20
COMPARED_SECONDS = 30.0
"""How much of a song is decoded to recognise it after others have changed its tags."""


class OtherFileError(TagError):
    sentence = "Another file has taken this name since, so its tags stay as they are."


class EditedError(TagError):
    sentence = "These tags were edited since and stay as they are: {names}"


@dataclass(frozen=True)
class PlannedChange:
    """One file's tags, before and after; a tag without a value is left out."""

    path: Path
    before: Tags
    after: Tags
    refusal: TagError | None = None
    """Why the file cannot be changed."""

    @property
    def names(self) -> list[str]:
        """The tags that change."""
        return _changed_names(self.before, self.after)


def read_album(path: Path) -> str | None:
    """The album that the tags name; None where there is none or the tags are damaged."""
    try:
        with path.open("rb") as file:
            return tags.read_album(file, sniff(file).format) or None
    except OSError:
        return None


def plan(catalogue: Catalogue, folders: Sequence[Path]) -> Iterator[PlannedChange]:
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
            yield _with_refusal(PlannedChange(track.path, before, after), folders)


def _with_refusal(change: PlannedChange, folders: Sequence[Path]) -> PlannedChange:
    try:
        with open_original(change.path, folders):
            return change
    except TagError as error:
        return replace(change, refusal=error)


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


def apply(catalogue: Catalogue, change: PlannedChange, folders: Sequence[Path]) -> None:
    """Change a file below the scanned folders. What is needed to undo it is stored before the file is replaced."""
    with open_original(change.path, folders) as original, copy_of(original) as copy:
        if tags_of(original.file) != change.before:
            raise ChangingError()
        set_tags(copy, {name: change.after.get(name, []) for name in change.names})
        row = TagChange(path=change.path, before=change.before, after=tags_of(copy), changed_at=datetime.now(UTC))
        row.content, row.samples = _hash(copy), _hash_samples(copy)
        with catalogue.transaction() as session:
            session.add(row)
        _put(catalogue, change.path, original, copy)


def undo(catalogue: Catalogue, folders: Sequence[Path]) -> Iterator[tuple[Path, TagError | None]]:
    """Restore every file's tags from before the first change, newest change first; each file with what stays."""
    with catalogue.session() as session:
        changes = list(session.scalars(select(TagChange.id).order_by(TagChange.id.desc())))
    for change_id in changes:
        with catalogue.session() as session:
            change = session.get_one(TagChange, change_id)
        try:
            edited = _undo(catalogue, change, folders)
        except TagError as error:
            yield change.path, error
            continue
        with catalogue.transaction() as session:
            session.execute(delete(TagChange).where(TagChange.id == change_id))
        yield change.path, EditedError(names=", ".join(edited)) if edited else None


def _undo(catalogue: Catalogue, change: TagChange, folders: Sequence[Path]) -> list[str]:
    """Restore the tags that still are as they were written; the names of those that somebody has edited since."""
    before, after = change.before, change.after
    if after is None:
        raise TagError(reason="an older version changed them, and did not store what to compare")
    with open_original(change.path, folders) as original:
        if not _is_same_song(change, original.file):
            raise OtherFileError()
        now = tags_of(original.file)
        changed = [name for name in _changed_names(before, after) if now.get(name) != before.get(name)]
        restored = {name: before.get(name, []) for name in changed if now.get(name) == after.get(name)}
        if restored:
            with copy_of(original) as copy:
                set_tags(copy, restored)
                _put(catalogue, change.path, original, copy)
    return [name for name in changed if name not in restored]


def _changed_names(before: Tags, after: Tags) -> list[str]:
    return [name for name in NAMES if before.get(name) != after.get(name)]


def _is_same_song(change: TagChange, file: BinaryIO) -> bool:
    """Whether this is the file that was changed: as it was left, or the same sound with other tags."""
    if change.content is not None and change.content == _hash(file):
        return True
    return change.samples is not None and change.samples == _hash_samples(file)


def _put(catalogue: Catalogue, path: Path, original: Original, copy: BinaryIO) -> None:
    """Replace the file, and update its rows, so that the next scan does not analyse it again."""
    before, after = _hash(original.file), _hash(copy)
    replacement.replace(original, copy)
    file = File.of(path, os.fstat(copy.fileno()))
    with catalogue.transaction() as session:
        for track in session.scalars(select(Track).where(Track.path == path)):
            track.size, track.mtime_ns, track.content = file.size, file.mtime_ns, after
        older = update(TagChange).where(TagChange.path == path, TagChange.content == before)
        session.execute(older.values(content=after))


def _hash(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    with as_tag_error():
        file.seek(0)
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _hash_samples(file: BinaryIO) -> str | None:
    """SHA-256 of the decoded beginning, which no tag changes; None where it cannot be decoded."""
    file.seek(0)
    with contextlib.suppress(AudioError):
        samples = load(file, limits=DecodeLimits(max_seconds=COMPARED_SECONDS)).samples
        return hashlib.sha256(samples.tobytes()).hexdigest()
    return None
