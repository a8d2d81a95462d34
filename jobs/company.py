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
from library.catalogue import Catalogue, open_catalogue
from ml.errors import SoriError
from ml.report import Report
from ml.settings import Limits

if TYPE_CHECKING:
    from library.neighbours import Library
    from ml.features import Floats
    from ml.musical import Musicality
    from ml.pipeline import Hearing

LOG = logging.getLogger(__name__)


class Company:
    """`analyse` of the ear inside, with neighbours from the library."""

    def __init__(self, ear: Listener, catalogue: Catalogue, library: Library) -> None:
        self._ear, self._catalogue, self._library = ear, catalogue, library

    def hear(self, source: Path, *, limits: Limits, name: str | None = None) -> Hearing:
        return self._ear.hear(source, limits=limits, name=name)

    def judge_again(self, report: Report, evidence: Floats, music: Musicality) -> Report:
        return self._ear.judge_again(report, evidence, music)

    def analyse(self, source: Path, *, limits: Limits, name: str | None = None) -> Report:
        from library.neighbours import Song

        hearing = self._ear.hear(source, limits=limits, name=name)
        if not len(self._library):
            return hearing.report
        return replace(hearing.report, neighbours=self._library.neighbours(Song.heard(hearing)))


def accompany(wake: Callable[[], Listener], home: Path, url: str | None = None) -> Listener:
    """The ear that `wake` gives, with the library in `home` or at `url`; the bare ear where there is none.

    One after the other: Python modules that two threads import at the same time can meet half-made.
    """
    ear = wake()
    opened = _open(home, url)
    return ear if opened is None else Company(ear, *opened)


def _open(home: Path, url: str | None) -> tuple[Catalogue, Library] | None:
    from library import reference
    from library.neighbours import Library

    try:
        catalogue = open_catalogue(home, url)
        reference.install(catalogue)
        return catalogue, Library.load(catalogue)
    except (SoriError, DBAPIError, OSError) as error:
        LOG.info("no neighbours: %s", error)
        return None
