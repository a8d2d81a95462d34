"""A playlist of similar tracks: each is the most similar in sound to the one before."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track
from library.search.neighbours import Library
from ml.report.cells import readable_name
from ml.report.errors import SoriError


class NoTrackError(SoriError):
    code = "no_track"
    sentence = "There is no track “{name}” in the library."


class NoFilesError(SoriError):
    code = "no_files"
    sentence = "There are not enough tracks with files in the library to make a playlist."


def find(catalogue: Catalogue, name: str) -> Track:
    """A track by its id, its path, its title, or a part of its title: the first match, in this order."""
    title = readable_name(name)
    conditions = [
        Track.path == Path(os.path.abspath(name)),
        Track.title == title,
        Track.title.icontains(title, autoescape=True),
    ]
    if re.fullmatch("[0-9]{1,18}", name):  # more digits than a column holds are no id
        conditions.insert(0, Track.id == int(name))
    with catalogue.session() as session:
        for condition in conditions:
            track = session.scalars(select(Track).where(condition).order_by(Track.id).limit(1)).first()
            if track is not None:
                return track
    raise NoTrackError(name=title)


def walk(library: Library, start: Track, length: int) -> list[Track]:
    """`length` tracks with files, each the most similar in sound to the one before that is not in the list yet."""
    tracks = [start]
    with library.catalogue.session() as session:
        fileless = list(session.scalars(select(Track.id).where(Track.path.is_(None))))
    while len(tracks) < length:
        song = library.song(tracks[-1].id)
        if song is None:
            break
        matches = library.nearest(song, "sound", 1, without=[*fileless, *(track.id for track in tracks)])
        if not matches:
            break
        tracks.append(matches[0].track)
    if len(tracks) < min(2, length):
        raise NoFilesError()
    return tracks
