"""How far along an analysis is, stage by stage."""

from __future__ import annotations

import pytest

from ml.report.stages import STAGES, progress_at


@pytest.mark.parametrize("with_lyrics", [False, True])
def test_progress_only_grows(with_lyrics: bool) -> None:
    shares = [progress_at(stage, share, with_lyrics=with_lyrics) for stage in STAGES for share in (0.0, 0.5, 1.0)]
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] < 1


def test_words_take_most_of_the_time() -> None:
    assert progress_at("lyrics", with_lyrics=True) == pytest.approx(0.1)
    assert progress_at("lyrics", 1.0, with_lyrics=True) == pytest.approx(0.95)
    assert progress_at("lyrics", 7.0, with_lyrics=True) == pytest.approx(0.95)


def test_an_unknown_stage_is_at_the_beginning() -> None:
    assert progress_at("unknown", with_lyrics=True) == 0.0
