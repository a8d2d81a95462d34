"""One step that may fail: its result, or an error as a value; only an interrupt passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from jobs.attempt import InternalError, attempt
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.errors import AudioError, SoriError
from tests.fakes import FakePipeline


def analyse(pipeline: FakePipeline, file: Path) -> str | SoriError:
    return attempt(lambda: pipeline.run(file, limits=DEFAULT_LIMITS).report.title)


def test_a_result_is_returned(pipeline: FakePipeline, wav: Callable[..., Path]) -> None:
    assert analyse(pipeline, wav("song.wav")) == "song"
    assert pipeline.limits is DEFAULT_LIMITS


def test_a_refusal_is_a_value(pipeline: FakePipeline, tmp_path: Path) -> None:
    assert isinstance(analyse(pipeline, tmp_path / "none.wav"), AudioError)


def test_a_bug_is_a_value_with_its_cause(pipeline: FakePipeline) -> None:
    failure = analyse(pipeline, Path("bomb.wav"))
    assert isinstance(failure, InternalError)
    assert str(failure).startswith("internal error: ZeroDivisionError: a bug")
    assert isinstance(failure.__cause__, ZeroDivisionError)


def test_any_other_exception_is_a_failure_too() -> None:
    assert isinstance(attempt(partial(int, "no number")), SoriError)


def test_an_interrupt_passes(pipeline: FakePipeline) -> None:
    with pytest.raises(KeyboardInterrupt):
        analyse(pipeline, Path("stop.wav"))
