"""The mood model: loading, refusing, and consistent labels and arousal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.audio.loading import from_samples
from ml.audio.settings import SAMPLE_RATE
from ml.features.motion import MEASURES
from ml.models.card import MOOD_WEIGHTS, Card, ChangedWeightsError, NoCardError, load_card
from ml.models.mood import CALM, EXCITING, INPUTS, TAG_LOGITS, MoodModel, UnusableMoodError
from ml.models.trunk import TAGS, TRUNK_OUTPUT_SIZE
from ml.pipeline import Pipeline, load
from ml.report.schema import Report
from tests.ml.music import song


def a_model(labels: tuple[str, ...] = (CALM, EXCITING), seed: int = 0) -> MoodModel:
    random = np.random.default_rng(seed)
    arousal = random.standard_normal(INPUTS).astype(np.float32)
    weights = random.standard_normal((INPUTS, len(labels))).astype(np.float32)
    if labels == (CALM, EXCITING):
        weights = np.stack([-arousal, arousal], axis=1)
    card = Card("mine", "1", labels, {}, {}, {}, "ours")
    return MoodModel(card, "", weights, np.zeros(len(labels), np.float32), arousal, np.float32(0))


def saved(model: MoodModel, folder: Path) -> Path:
    path = folder / "mood.npz"
    model.save(path)
    model.card.save(path)
    return path


def random_inputs(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """In about the range of real songs."""
    random = np.random.default_rng(7)
    trunk_output = 1.5 * random.standard_normal((rows, TRUNK_OUTPUT_SIZE)) - 4
    moved = np.array([-3.0, -3.2, -1.8, -3.6]) + 0.4 * random.standard_normal((rows, len(MEASURES)))
    return trunk_output.astype(np.float32), moved.astype(np.float32)


def test_the_shipped_model_is_whole_and_small() -> None:
    model = MoodModel.load()
    assert model.labels == (CALM, EXCITING)
    assert model.card.data == {"emotify audio": 200}
    assert model.card.licence and MOOD_WEIGHTS.stat().st_size < 10_000
    assert model.sha256 == load_card(MOOD_WEIGHTS).sha256["mood.npz"]


def test_label_and_arousal_agree() -> None:
    model = MoodModel.load()
    trunk_output, moved = random_inputs(50)
    answers = [model.predict(*row) for row in zip(trunk_output, moved, strict=True)]
    assert {answer.label for answer in answers} == {CALM, EXCITING}
    assert all((answer.arousal > 0.5) == (answer.label == EXCITING) for answer in answers)
    assert all(0 <= answer.arousal <= 1 for answer in answers)
    assert model.arousal(trunk_output, moved) == tuple(answer.arousal for answer in answers)


def test_calm_tags_lower_the_arousal() -> None:
    """A song with the tag mellow is calmer than the same song with the tag metal."""
    model = MoodModel.load()
    trunk_output, moved = random_inputs(1)
    loud, soft = trunk_output.copy(), trunk_output.copy()
    loud[0, TAG_LOGITS.start + TAGS.index("metal")] += 3
    soft[0, TAG_LOGITS.start + TAGS.index("mellow")] += 3
    assert model.arousal(soft, moved) < model.arousal(trunk_output, moved) < model.arousal(loud, moved)


def test_a_saved_model_predicts_as_before(tmp_path: Path) -> None:
    model = a_model(("calm", "sad", "wild"))
    again = MoodModel.load(saved(model, tmp_path))
    trunk_output, moved = random_inputs(5)
    assert [again.predict(*row) for row in zip(trunk_output, moved, strict=True)] == [
        model.predict(*row) for row in zip(trunk_output, moved, strict=True)
    ]


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    path = saved(a_model(), tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ChangedWeightsError, match=r"mood\.npz"):
        MoodModel.load(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(NoCardError):
        MoodModel.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mood.npz"
    path.write_bytes(content)
    a_model().card.save(path)
    with pytest.raises(UnusableMoodError, match="--task mood"):
        MoodModel.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.zeros((3, 2), np.float32)},
        {"bias": np.zeros(5, np.float32)},
        {"arousal_weights": np.full(INPUTS, np.nan, np.float32)},
        {"weights": np.array([{"not": "a number"}], object)},
        {"weights": np.array(["words"])},
    ],
)
def test_arrays_of_another_shape_or_type_are_refused(tmp_path: Path, change: dict[str, np.ndarray]) -> None:
    path = tmp_path / "mood.npz"
    model = a_model()
    arrays = {name: getattr(model, name) for name in ("weights", "bias", "arousal_weights", "arousal_bias")}
    np.savez(path, **(arrays | change))
    model.card.save(path)
    with pytest.raises(UnusableMoodError):
        MoodModel.load(path)


def soft_chords(seconds: float) -> np.ndarray:
    """Slow soft chords of a few sine tones, one every six seconds, that fade in and out."""
    parts = []
    for number in range(int(seconds / 6)):
        time = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
        root = 130.8 * 2 ** ((0, 5, 7)[number % 3] / 12)
        tones = sum(np.sin(2 * np.pi * root * ratio * time) for ratio in (1, 1.25, 1.5))
        parts.append(0.1 * tones * np.sin(np.pi * time / 6))
    return np.concatenate(parts).astype(np.float32)


def hard_chords(seconds: float) -> np.ndarray:
    """A distorted chord, gated eight times a second, with hi-hats."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    chord = sum(np.sign(np.sin(2 * np.pi * hz * time)) for hz in (82.4, 123.5, 164.8))
    hats = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-30 * (time % 0.1875))
    return (0.1 * chord * (time % 0.125 < 0.0625) + 0.5 * hats).astype(np.float32)


@pytest.fixture(scope="module")
def exciting_report(shipped_pipeline: Pipeline) -> Report:
    return shipped_pipeline.run_audio(from_samples(hard_chords(18.0), SAMPLE_RATE, title="a")).report


def test_soft_chords_are_calmer_than_hard_ones(shipped_pipeline: Pipeline, exciting_report: Report) -> None:
    still = shipped_pipeline.run_audio(from_samples(soft_chords(18.0), SAMPLE_RATE, title="a")).report
    assert still.mood is not None and exciting_report.mood is not None
    assert still.mood.label == CALM
    assert exciting_report.mood.label == EXCITING
    assert still.mood.arousal + 0.5 < exciting_report.mood.arousal


def test_the_report_has_arousal_over_time(shipped_pipeline: Pipeline, exciting_report: Report) -> None:
    assert len(exciting_report.arousal) == len(exciting_report.timeline)
    assert len(exciting_report.motion) == len(MEASURES)
    sound = np.concatenate([soft_chords(30.0), hard_chords(30.0)])
    moved = shipped_pipeline.run_audio(from_samples(sound, SAMPLE_RATE, title="a")).report.arousal
    assert np.mean(moved[:7]) + 0.5 < np.mean(moved[-7:])


def test_the_mood_can_be_predicted_again_from_stored_features(shipped_pipeline: Pipeline) -> None:
    song_analysis = shipped_pipeline.run_audio(from_samples(song(12.0), SAMPLE_RATE, title="a"))
    again = shipped_pipeline.mood_model.predict(
        song_analysis.trunk_output.mean(axis=0), np.array(song_analysis.report.motion, np.float32)
    )
    assert song_analysis.report.mood is not None
    assert again.label == song_analysis.report.mood.label
    assert again.arousal == pytest.approx(song_analysis.report.mood.arousal, abs=1e-3)


def test_a_report_without_arousal_still_loads(exciting_report: Report) -> None:
    data = exciting_report.to_dict()
    assert set(data["mood"]) == {"label", "arousal"}
    del data["arousal"], data["motion"]
    assert Report.from_dict(data) == replace(exciting_report, arousal=(), motion=())


def test_a_model_with_other_labels_is_used(tmp_path: Path) -> None:
    with load(mood_weights=saved(a_model(("느긋함", "wild", "sad")), tmp_path)) as pipeline:
        report = pipeline.run_audio(from_samples(song(6.0), SAMPLE_RATE, title="a")).report
    assert report.mood is not None and report.mood.label in ("느긋함", "wild", "sad")
