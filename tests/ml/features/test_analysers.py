"""Optional analysers: their registry, and the loudness range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ml.audio.loading import from_samples
from ml.audio.settings import SAMPLE_RATE
from ml.features import analysers, dynamics
from ml.features.bands import BandStatistics
from ml.features.mel import MEL_BANDS
from ml.features.track import Track
from ml.pipeline import Pipeline
from ml.report.schema import Finding
from ml.report.text import to_text
from ml.report.translation import Translator
from tests.ml.music import song, white_noise

ZERO_BANDS = BandStatistics(np.zeros(MEL_BANDS, np.float32), np.eye(MEL_BANDS, dtype=np.float32))


def track(samples: np.ndarray) -> Track:
    return Track(from_samples(samples, SAMPLE_RATE), ZERO_BANDS)


def quiet_then_loud(decibels: float) -> np.ndarray:
    quiet = white_noise(15.0) * np.float32(10 ** (-decibels / 20))
    return np.concatenate([quiet, white_noise(15.0, seed=1)])


def test_loudness_range_is_that_of_the_input() -> None:
    assert dynamics.loudness_range(quiet_then_loud(8.0)) == pytest.approx(8.0, abs=0.3)
    assert dynamics.loudness_range(quiet_then_loud(8.0) / 10) == pytest.approx(8.0, abs=0.3)


@pytest.mark.parametrize(("decibels", "kind"), [(1.0, "steady"), (6.0, "moving"), (14.0, "wide")])
def test_the_text_follows_the_range(decibels: float, kind: str) -> None:
    found = dynamics.find(track(quiet_then_loud(decibels)))
    assert found is not None and found.text == dynamics.TEXTS[kind]


def test_silence_does_not_widen_the_range() -> None:
    sound = np.concatenate([white_noise(10.0), np.zeros(10 * SAMPLE_RATE, np.float32), white_noise(10.0)])
    found = dynamics.loudness_range(sound)
    assert found is not None and found < dynamics.WIDE_DB


def test_a_short_song_has_no_finding() -> None:
    assert dynamics.find(track(song(5.0))) is None
    assert analysers.findings(track(song(5.0))) == ()


def test_an_analyser_in_the_registry_is_in_the_report(
    shipped_pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def length(track: Track) -> Finding:
        return Finding("length", "Length", f"{track.audio.duration_seconds:.0f} seconds of sound")

    monkeypatch.setattr(analysers, "ANALYSERS", {**analysers.ANALYSERS, "length": length})
    soundfile.write(tmp_path / "song.wav", song(12.0), SAMPLE_RATE)
    report = shipped_pipeline.analyse(tmp_path / "song.wav")
    assert [finding.name for finding in report.findings] == ["dynamics", "length"]
    assert "Length: 12 seconds of sound" in to_text(report)
    assert "셈여림: " in to_text(report, translator=Translator("ko"))
