"""The whole pipeline on synthetic music: the content of a report for any song."""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ml import pipeline
from ml.audio.loading import from_samples
from ml.audio.settings import SAMPLE_RATE, DecodeLimits
from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.pipeline import Pipeline
from ml.report.errors import SoriError
from ml.report.schema import Report
from ml.report.stages import STAGES
from ml.train.data.augmentation import VARIANTS
from tests.ml.music import babble, pure_tone, song, white_noise


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("songs") / "소리 - 첫 노래.flac"
    soundfile.write(path, song(20.0), SAMPLE_RATE)
    return path


@pytest.fixture(scope="module")
def report(shipped_pipeline: Pipeline, file: Path) -> Report:
    return shipped_pipeline.analyse(file)


def test_a_report_has_all_parts(report: Report) -> None:
    assert (report.artist, report.title) == ("소리", "첫 노래")
    assert report.duration_seconds == pytest.approx(20.0, abs=0.01)
    assert report.tempo is not None
    assert any(bpm == pytest.approx(120, rel=0.04) for bpm in (report.tempo.bpm, *report.tempo.alternatives))
    assert report.key is not None
    assert {"total", "decode", "trunk", "tempo", "key"} <= report.timings.keys()
    assert len(report.model.sha256) == 64


def test_scores_are_probabilities_highest_first(report: Report) -> None:
    values = [score.probability for score in report.genre.scores]
    assert sum(values) == pytest.approx(1.0, abs=1e-5)
    assert values == sorted(values, reverse=True)
    assert report.genre.top == report.genre.scores[0].label
    assert {score.label for score in report.genre.scores} == set(report.labels)


def test_the_timeline_covers_the_song_in_steps_of_three_seconds(report: Report) -> None:
    moments = report.timeline
    assert moments[0].start == 0
    assert moments[-1].end == pytest.approx(report.duration_seconds)
    for moment, following in itertools.pairwise(moments):
        assert moment.end == pytest.approx(following.start, abs=0.01)
        assert moment.end - moment.start == pytest.approx(3.0, abs=0.01)
    for moment in moments:
        assert sum(moment.scores) == pytest.approx(1.0, abs=1e-5)


def test_a_report_survives_json(report: Report) -> None:
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert Report.from_dict(json.loads(text)) == report


@pytest.mark.parametrize("seconds", [1.0, 2.5, 3.1, 7.0, 31.0])
def test_the_timeline_of_any_length_ends_with_the_song(shipped_pipeline: Pipeline, seconds: float) -> None:
    song_analysis = shipped_pipeline.run_audio(from_samples(song(seconds), SAMPLE_RATE, title="a"))
    ends = [moment.end for moment in song_analysis.report.timeline]
    assert ends == sorted(ends)
    assert ends[-1] == pytest.approx(seconds, abs=0.01)
    assert all(moment.start < moment.end for moment in song_analysis.report.timeline)
    assert song_analysis.trunk_output.shape == (len(ends), TRUNK_OUTPUT_SIZE)


def test_the_timeline_follows_a_change_in_the_song(shipped_pipeline: Pipeline) -> None:
    """Half a minute of noise, then half a minute of chords: the first and last scores differ."""
    sound = np.concatenate([white_noise(30.0), song(30.0)])
    scores = shipped_pipeline.run_audio(from_samples(sound, SAMPLE_RATE, title="a")).report.timeline
    first, last = np.array(scores[0].scores), np.array(scores[-1].scores)
    assert np.abs(first - last).sum() > 0.3


def test_path_and_open_file_give_the_same_report(shipped_pipeline: Pipeline, file: Path, report: Report) -> None:
    again = shipped_pipeline.analyse(io.BytesIO(file.read_bytes()), name=file.name)
    assert (again.genre, again.timeline, again.tempo, again.key) == (
        report.genre, report.timeline, report.tempo, report.key,
    )  # fmt: skip


def test_volume_does_not_change_the_genre(shipped_pipeline: Pipeline) -> None:
    reports = []
    for name in ("as is", "+6 dB", "-6 dB"):
        sound = VARIANTS[name](0.3 * song(12.0))
        reports.append(shipped_pipeline.run_audio(from_samples(sound, SAMPLE_RATE, title="a")).report)
    plain = [score.probability for score in reports[0].genre.scores]
    for other in reports[1:]:
        assert other.genre.top == reports[0].genre.top
        assert [score.probability for score in other.genre.scores] == pytest.approx(plain, abs=0.01)


@pytest.mark.parametrize("sound", [white_noise(), pure_tone(), babble()], ids=["noise", "tone", "talk"])
def test_sound_that_is_not_music_is_not_confident(shipped_pipeline: Pipeline, sound: np.ndarray) -> None:
    assert not shipped_pipeline.run_audio(from_samples(sound, SAMPLE_RATE, title="a")).report.genre.confident


def test_concurrent_analyses_do_not_mix(shipped_pipeline: Pipeline) -> None:
    sounds = [song(6.0, bpm=bpm, root_hz=hz) for bpm, hz in ((90, 110), (120, 220), (150, 330))]
    audios = [from_samples(sound, SAMPLE_RATE, title=str(i)) for i, sound in enumerate(sounds)]
    alone = [shipped_pipeline.run_audio(audio).report for audio in audios]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(lambda audio: shipped_pipeline.run_audio(audio).report, audios))
    for expected, actual in zip(alone, together, strict=True):
        assert (actual.title, actual.tempo, actual.key) == (expected.title, expected.tempo, expected.key)
        assert actual.genre.top == expected.genre.top


def test_a_long_song_is_truncated_with_a_note(shipped_pipeline: Pipeline, file: Path) -> None:
    report = shipped_pipeline.analyse(file, limits=DecodeLimits(max_seconds=5.0))
    assert report.duration_seconds == pytest.approx(5.0, abs=0.01)
    assert report.notes


def test_progress_names_declared_stages_in_order(shipped_pipeline: Pipeline, file: Path) -> None:
    names: list[str] = []
    shipped_pipeline.run(file, on_progress=names.append)
    assert names == [name for name in STAGES if name not in ("lyrics", "neighbours", "pictures")]
    assert [STAGES[name].starts_at for name in names] == sorted(STAGES[name].starts_at for name in names)


def test_an_undeclared_stage_is_an_error(
    shipped_pipeline: Pipeline, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "STAGES", {name: STAGES[name] for name in STAGES if name != "trunk"})
    with pytest.raises(ValueError, match="'trunk' is not declared"):
        shipped_pipeline.analyse(file)


def test_an_unreadable_file_raises_a_sentence(shipped_pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_text("this is a shopping list\n" * 50)
    with pytest.raises(SoriError) as caught:
        shipped_pipeline.analyse(tmp_path / "a.mp3")
    assert str(caught.value).endswith(".")


def test_the_command_line_uses_the_shipped_model(file: Path, tmp_path: Path) -> None:
    """In a fresh process: nothing on stderr, one JSON line, and text in Korean."""
    command = [sys.executable, "main.py", "analyse", str(file)]
    environment = {**os.environ, "SORI_HOME": str(tmp_path)}
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["title"] == "첫 노래"
    done = subprocess.run([*command, "--lang", "ko"], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "템포" in done.stdout
