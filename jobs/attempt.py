"""Loading the pipeline, and steps whose failure is a value: one bad file never stops the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from ml.audio.settings import DecodeLimits
from ml.lyrics.settings import LyricsSettings
from ml.report.errors import SoriError
from ml.report.progress import ProgressCallback, ignore_progress
from ml.report.schema import Report

if TYPE_CHECKING:
    from ml.features.arrays import Floats
    from ml.features.musicality import Musicality
    from ml.pipeline import SongAnalysis


Result = TypeVar("Result")


class Analyser(Protocol):
    """What is needed of `ml.pipeline.Pipeline`; the tests have a small one without a model."""

    def run(
        self,
        source: Path,
        *,
        limits: DecodeLimits,
        name: str | None = None,
        on_progress: ProgressCallback = ignore_progress,
    ) -> SongAnalysis: ...

    def reclassify(self, report: Report, trunk_output: Floats, music: Musicality) -> Report: ...


class InternalError(SoriError):
    """A bug of ours. The cause is kept for `SORI_DEBUG`."""

    code = "internal"
    sentence = "internal error: {reason}"


class ModelLoadError(SoriError):
    code = "asleep"
    sentence = "The model could not be loaded: {reason}"


def attempt(step: Callable[[], Result]) -> Result | SoriError:
    """Run one step. Interrupts pass; every other failure is returned as a value."""
    try:
        return step()
    except SoriError as error:
        return error
    except Exception as error:
        failure = InternalError(reason=f"{type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure


def load_pipeline(
    weights: Path | None = None,
    moods: Path | None = None,
    lyrics: LyricsSettings | None = None,
    *,
    warm_up: bool = False,
) -> Analyser:
    """Load the models: seconds, and most of the memory."""
    try:
        from ml.pipeline import load  # TensorFlow, which nothing needs before this point

        pipeline = load(weights, moods, lyrics)
        if warm_up:
            pipeline.warm_up()
    except SoriError:
        raise
    except Exception as error:
        raise ModelLoadError(reason=f"{type(error).__name__}: {error}") from error
    return pipeline
