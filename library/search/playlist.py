"""A playlist of similar tracks: each the most similar in sound to the one before."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track
from library.search.neighbours import Library
from ml.report.errors import SoriError


class NoTrackError(SoriError):
    code = "no_track"
    sentence = "There is no track “{name}” in the library."


class NoFilesError(SoriError):
    code = "no_files"
    sentence = "There are not enough tracks with files in the library to make a playlist."


def find(catalogue: Catalogue, name: str) -> Track:
    """A track by its id, its path, or a part of its title: the first that fits, in this order."""
    path = Path(os.path.abspath(name))
    with catalogue.session() as session:
        ways = [select(Track).where(Track.path == path), select(Track).where(Track.title == name)]
        ways.append(select(Track).where(Track.title.icontains(name, autoescape=True)).order_by(Track.id))
        if name.isdecimal():
            ways.insert(0, select(Track).where(Track.id == int(name)))
        for way in ways:
            if (track := session.scalars(way.limit(1)).first()) is not None:
                return track
    raise NoTrackError(name=name)


def walk(library: Library, start: Track, length: int) -> list[Track]:
    """`length` tracks with files, each the most similar in sound to the one before that was not played yet."""
    played = [start]
    with library.catalogue.session() as session:
        fileless = list(session.scalars(select(Track.id).where(Track.path.is_(None))))
    while len(played) < length:
        song = library.song(played[-1].id)
        if song is None:
            break
        without = [*fileless, *(track.id for track in played)]
        following = library.nearest(song, "sound", 1, without=without)
        if not following:
            break
        played.append(following[0].track)
    if len(played) < min(2, length):
        raise NoFilesError()
    return played
