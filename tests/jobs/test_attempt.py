"""One attempt: a written report, or an error as a value; only an interrupt passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.attempt import InternalError, attempt
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.errors import AudioError, SoriError
from ml.report.schema import Report
from tests.fakes import FakeEar


def title(report: Report) -> str:
    return report.title


def test_a_report_is_written(pipeline: FakeEar, wav: Callable[..., Path]) -> None:
    assert attempt(wav("song.wav"), pipeline, title, limits=DEFAULT_LIMITS) == "song"
    assert pipeline.limits is DEFAULT_LIMITS


def test_a_refusal_is_a_value(pipeline: FakeEar, tmp_path: Path) -> None:
    assert isinstance(attempt(tmp_path / "none.wav", pipeline, title, limits=DEFAULT_LIMITS), AudioError)


def test_a_bug_is_a_value_with_its_cause(pipeline: FakeEar) -> None:
    failure = attempt(Path("bomb.wav"), pipeline, title, limits=DEFAULT_LIMITS)
    assert isinstance(failure, InternalError)
    assert str(failure).startswith("internal error: ZeroDivisionError: a bug")
    assert isinstance(failure.__cause__, ZeroDivisionError)


def test_a_report_that_cannot_be_written_is_a_failure_too(
    pipeline: FakeEar, wav: Callable[..., Path]
) -> None:
    def write(report: Report) -> str:
        raise ValueError(report.title)

    assert isinstance(attempt(wav("song.wav"), pipeline, write, limits=DEFAULT_LIMITS), SoriError)


def test_an_interrupt_passes(pipeline: FakeEar) -> None:
    with pytest.raises(KeyboardInterrupt):
        attempt(Path("stop.wav"), pipeline, title, limits=DEFAULT_LIMITS)
