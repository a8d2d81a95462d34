"""A pipeline whose reports name the most similar tracks of the library.

A library that cannot be opened or read costs the neighbours, never the report.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from jobs.attempt import Analyser
from library.catalogue.database import open_catalogue
from library.collection import reference
from library.search.current import CurrentLibrary
from library.search.neighbours import QuerySong
from ml.audio.settings import DecodeLimits
from ml.report.errors import SoriError
from ml.report.progress import ProgressCallback, ignore_progress
from ml.report.schema import Report

if TYPE_CHECKING:
    from ml.features.arrays import Floats
    from ml.features.musicality import Musicality
    from ml.pipeline import SongAnalysis

LOG = logging.getLogger(__name__)

READING_SECONDS = 60.0
"""More than reading a million tracks takes."""


class PipelineWithNeighbours:
    """`analyse` of the pipeline inside, with neighbours from the library."""

    def __init__(self, pipeline: Analyser, library: CurrentLibrary) -> None:
        self._pipeline, self.library = pipeline, library

    def run(
        self,
        source: Path,
        *,
        limits: DecodeLimits,
        name: str | None = None,
        on_progress: ProgressCallback = ignore_progress,
    ) -> SongAnalysis:
        return self._pipeline.run(source, limits=limits, name=name, on_progress=on_progress)

    def reclassify(self, report: Report, trunk_output: Floats, music: Musicality) -> Report:
        return self._pipeline.reclassify(report, trunk_output, music)

    def analyse(self, source: Path, *, limits: DecodeLimits, name: str | None = None) -> Report:
        return self.with_neighbours(self._pipeline.run(source, limits=limits, name=name))

    def warm_up(self) -> None:
        self._pipeline.warm_up()

    def with_neighbours(self, song_analysis: SongAnalysis) -> Report:
        """The report of a new analysis, with its neighbours among the tracks that the library has now."""
        library = self.library.newest(timeout=READING_SECONDS)
        if library is None or not len(library):
            return song_analysis.report
        return replace(song_analysis.report, neighbours=library.neighbours(QuerySong.from_analysis(song_analysis)))


def load_with_neighbours(load_pipeline: Callable[[], Analyser], home: Path, url: str | None = None) -> Analyser:
    """The loaded pipeline with the library in `home` or at `url`; the bare pipeline where there is none.

    One after the other: a Python module that two threads import at the same time can be seen half-initialised.
    """
    pipeline = load_pipeline()
    try:
        catalogue = open_catalogue(home, url)
        reference.install(catalogue)
    except (SoriError, DBAPIError, OSError) as error:
        LOG.info("no neighbours: %s", error)
        return pipeline
    library = CurrentLibrary(catalogue)
    library.newest(timeout=READING_SECONDS)
    return PipelineWithNeighbours(pipeline, library)
