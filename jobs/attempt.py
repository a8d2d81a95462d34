"""One file, tried: a report, or the reason why there is none. Whatever happens to it, the next gets its turn.

`wake` is the load step, the only place where the command line meets TensorFlow; until it is called, nothing
heavy has been imported.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ml.audio.settings import DecodeLimits
from ml.report.errors import SoriError
from ml.report.progress import ProgressCallback, ignore_progress
from ml.report.schema import Report

if TYPE_CHECKING:
    from ml.features.arrays import Floats
    from ml.features.musicality import Musicality
    from ml.pipeline import SongAnalysis


class Analyser(Protocol):
    """What is needed of the ear; `ml.pipeline.Ear` is one, and the tests have a smaller one."""

    def analyse(self, source: Path, *, limits: DecodeLimits, name: str | None = None) -> Report: ...

    def run(
        self,
        source: Path,
        *,
        limits: DecodeLimits,
        name: str | None = None,
        on_progress: ProgressCallback = ignore_progress,
    ) -> SongAnalysis: ...

    def warm_up(self) -> None: ...

    def reclassify(self, report: Report, trunk_output: Floats, music: Musicality) -> Report: ...


class InternalError(SoriError):
    """Our own fault. The cause is kept for `SORI_DEBUG`."""

    code = "internal"
    sentence = "internal error: {reason}"


class ModelLoadError(SoriError):
    code = "asleep"
    sentence = "The model could not be loaded: {reason}"


def attempt(
    source: Path, pipeline: Analyser, write: Callable[[Report], str], *, limits: DecodeLimits
) -> str | SoriError:
    """Listen to one file and write its report. Interrupts pass; every other failure comes back as a value."""
    try:
        return write(pipeline.analyse(source, limits=limits))
    except SoriError as error:
        return error
    except Exception as error:
        failure = InternalError(reason=f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure


def load_pipeline(weights: Path | None = None, moods: Path | None = None) -> Analyser:
    """Load the models: seconds, and most of the memory."""
    try:
        from ml.pipeline import load

        pipeline: Analyser = load(weights, moods)
    except SoriError:
        raise
    except Exception as error:
        raise ModelLoadError(reason=f"{type(error).__name__}: {error}") from error
    return pipeline
