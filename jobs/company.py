"""An ear that knows the library: its reports name the tracks that are most like the song.

A library that cannot be opened or read costs the neighbours, never the report.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.attempt import Listener
from library.catalogue import Catalogue, open_catalogue
from ml.errors import SoriError
from ml.report import Report
from ml.settings import Limits

if TYPE_CHECKING:
    from library.neighbours import Library
    from ml.pipeline import Hearing

LOG = logging.getLogger(__name__)


class Company:
    """`analyse` of the ear inside, with neighbours from the library."""

    def __init__(self, ear: Listener, catalogue: Catalogue, library: Library) -> None:
        self._ear, self._catalogue, self._library = ear, catalogue, library

    def hear(self, source: Path, *, limits: Limits, name: str | None = None) -> Hearing:
        return self._ear.hear(source, limits=limits, name=name)

    def analyse(self, source: Path, *, limits: Limits, name: str | None = None) -> Report:
        from library.neighbours import Song

        hearing = self._ear.hear(source, limits=limits, name=name)
        if not len(self._library):
            return hearing.report
        return replace(hearing.report, neighbours=self._library.neighbours(Song.heard(hearing)))


def accompany(ear: Listener, home: Path, url: str | None = None) -> Listener:
    """The ear with the library in `home` or at `url`, the reference laid in; the bare ear where there is none."""
    from library import reference
    from library.neighbours import Library

    try:
        catalogue = open_catalogue(home, url)
        reference.install(catalogue)
        return Company(ear, catalogue, Library.load(catalogue))
    except SoriError as error:
        LOG.info("no neighbours: %s", error)
        return ear
