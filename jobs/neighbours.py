"""A pipeline whose reports name the most similar tracks of the library.

A library that cannot be opened or read costs the neighbours, never the report.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from jobs.attempt import Analyser
from library.catalogue.database import open_catalogue
from library.collection import reference
from library.search.current import CurrentLibrary
from library.search.neighbours import QuerySong
from ml.report.errors import SoriError
from ml.report.progress import ProgressCallback, ignore_progress

if TYPE_CHECKING:
    from ml.pipeline import SongAnalysis

LOG = logging.getLogger(__name__)

READING_SECONDS = 60.0
"""More than reading a million tracks takes."""


class PipelineWithNeighbours:
    """The pipeline inside, whose reports get neighbours among the tracks that the library has at that moment."""

    def __init__(self, pipeline: Analyser, library: CurrentLibrary) -> None:
        self.library = library
        self.reclassify = pipeline.reclassify
        self._run = pipeline.run

    def run(self, source: Path, *, on_progress: ProgressCallback = ignore_progress, **options: Any) -> SongAnalysis:
        analysis = self._run(source, on_progress=on_progress, **options)
        on_progress("neighbours")
        library = self.library.newest(timeout=READING_SECONDS)
        if library is None or not len(library):
            return analysis
        neighbours = library.neighbours(QuerySong.from_analysis(analysis))
        return replace(analysis, report=replace(analysis.report, neighbours=neighbours))


def load_with_neighbours(load_pipeline: Callable[[], Analyser], home: Path, url: str | None = None) -> Analyser:
    """The loaded pipeline with the library in `home` or at `url`; the bare pipeline where there is none.

    One after the other: a Python module that two threads import at the same time can be seen half-initialised.
    """
    pipeline = load_pipeline()
    try:
        catalogue = open_catalogue(home, url)
        reference.install(catalogue)
    except (SoriError, DBAPIError, OSError) as error:
        LOG.warning("no similar tracks: %s", error)
        return pipeline
    library = CurrentLibrary(catalogue)
    library.newest(timeout=READING_SECONDS)
    return PipelineWithNeighbours(pipeline, library)
