"""An ear that knows the library: its reports name the tracks that are most like the song.

A library that cannot be opened or read costs the neighbours, never the report.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from jobs.attempt import Listener
from library.catalogue.database import open_catalogue
from library.search.current import Current
from ml.audio.settings import Limits
from ml.report.errors import SoriError
from ml.report.progress import Tell, silent
from ml.report.schema import Report

if TYPE_CHECKING:
    from ml.features.mel import Floats
    from ml.features.musicality import Musicality
    from ml.pipeline import Hearing

LOG = logging.getLogger(__name__)

READING_SECONDS = 60.0
"""More than a million tracks take."""


class Company:
    """`analyse` of the ear inside, with neighbours from the library."""

    def __init__(self, ear: Listener, library: Current) -> None:
        self._ear, self.library = ear, library

    def hear(self, source: Path, *, limits: Limits, name: str | None = None, tell: Tell = silent) -> Hearing:
        return self._ear.hear(source, limits=limits, name=name, tell=tell)

    def judge_again(self, report: Report, evidence: Floats, music: Musicality) -> Report:
        return self._ear.judge_again(report, evidence, music)

    def analyse(self, source: Path, *, limits: Limits, name: str | None = None) -> Report:
        return self.among(self._ear.hear(source, limits=limits, name=name))

    def warm_up(self) -> None:
        self._ear.warm_up()

    def among(self, hearing: Hearing) -> Report:
        """The report of a song that was heard just now, with its neighbours among the tracks of today."""
        library = self.library.newest(patience=READING_SECONDS)
        if library is None or not len(library):
            return hearing.report
        from library.search.neighbours import Song

        return replace(hearing.report, neighbours=library.neighbours(Song.heard(hearing)))


def accompany(wake: Callable[[], Listener], home: Path, url: str | None = None) -> Listener:
    """The ear that `wake` gives, with the library in `home` or at `url`; the bare ear where there is none.

    One after the other: Python modules that two threads import at the same time can meet half-made.
    """
    ear = wake()
    library = _open(home, url)
    return ear if library is None else Company(ear, library)


def _open(home: Path, url: str | None) -> Current | None:
    from library.collection import reference

    try:
        catalogue = open_catalogue(home, url)
        reference.install(catalogue)
    except (SoriError, DBAPIError, OSError) as error:
        LOG.info("no neighbours: %s", error)
        return None
    library = Current(catalogue)
    library.newest(patience=READING_SECONDS)
    return library
