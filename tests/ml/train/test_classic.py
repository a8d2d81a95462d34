"""Classic models from labelled songs to a weight file that the product loads: training, resuming, no code in files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ml.audio.settings import SAMPLE_RATE
from ml.models.card import load_card
from ml.models.classic.serving import TableOnlyWeightsError, open_model
from ml.pipeline import load
from ml.predict import main as predict
from ml.train.__main__ import main
from ml.train.classic import networks
from ml.train.classic import scikit as fitting
from ml.train.data.feature_tables import FeatureTable
from tests.ml.music import song, white_noise


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two generated genres with six songs each."""
    data = tmp_path_factory.mktemp("lab") / "data"
    for genre in ("느린 노래", "storm"):
        (data / genre).mkdir(parents=True)
        for number in range(6):
            sound = (
                song(6.0, bpm=70 + 5 * number, root_hz=110 + 10 * number)
                if genre != "storm"
                else white_noise(6.0, seed=number) + 0.1 * song(6.0, seed=number)
            )
            soundfile.write(data / genre / f"{genre} {number}.wav", sound, SAMPLE_RATE)
    return data


def train(folder: Path | None, output: Path, *arguments: str) -> int:
    data = ["--data", str(folder)] if folder else []
    return main([*data, "--output", str(output), "--cache", str(output.parent / "cache"), *arguments])


@pytest.mark.parametrize("kind", ["logistic", "discriminant", "forest", "svm", "boost"])
def test_a_feature_model_is_trained_and_analyses_songs(folder: Path, tmp_path: Path, kind: str) -> None:
    output = tmp_path / f"{kind}.skops"
    assert train(folder, output, "--model", kind, "--name", "mine") == 0
    card = load_card(output)
    assert (card.kind, card.labels, card.data["split"]) == (kind, ("storm", "느린 노래"), "artist")
    assert card.metrics["held_out"]["n"] == card.data["songs"] == 9
    with load(output) as pipeline:
        for genre in card.labels:
            report = pipeline.analyse(folder / genre / f"{genre} 0.wav")
            assert report.genre.top == genre
            assert report.labels == card.labels
            assert report.model.sha256 == card.sha256[output.name]
            assert len(report.timeline) == 3 and len(report.timeline[0].scores) == 2
            assert report.tags or report.tempo


@pytest.mark.parametrize("kind", ["cnn", "picture"])
def test_a_network_is_trained_and_analyses_songs(folder: Path, tmp_path: Path, kind: str) -> None:
    output = tmp_path / f"{kind}.keras"
    assert train(folder, output, "--model", kind, "--epochs", "4") == 0
    card = load_card(output)
    assert card.kind == kind and 1 <= len(card.metrics["history"]) <= 4
    assert output.stat().st_size < 2_000_000
    with load(output) as pipeline:
        report = pipeline.analyse(folder / "storm" / "storm 1.wav")
    assert {score.label for score in report.genre.scores} == set(card.labels)
    assert sum(score.probability for score in report.genre.scores) == pytest.approx(1, abs=1e-5)
    assert not (tmp_path / "cache" / "lab").exists() or not any((tmp_path / "cache" / "lab").iterdir())


def test_ml_predict_takes_a_classic_model(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "own.skops"
    assert train(folder, output, "--model", "logistic") == 0
    song_file = folder / "storm" / "storm 2.wav"
    assert predict(["--input", str(song_file), "--model", str(output), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["top"] == "storm"


def windows(seed: int = 0, songs: int = 10) -> networks.Windows:
    choose = np.random.default_rng(seed)
    labels = np.repeat(np.arange(2), songs)
    mel = choose.random((2 * songs, 187, 96)).astype(np.float32) * (1 + labels[:, None, None])
    return networks.Windows(mel, labels, np.arange(2 * songs))


def fit(folder: Path, epochs: int) -> tuple[Any, networks.State]:
    return networks.fit("cnn", windows(), windows(1), 2, epochs=epochs, seed=3, folder=folder)


def test_a_killed_run_continues_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(text: str) -> None:
        if "epoch 2" in text:
            raise KeyboardInterrupt

    monkeypatch.setattr(networks, "show_progress", kill)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "killed", 3)
    messages: list[str] = []
    monkeypatch.setattr(networks, "show_progress", messages.append)
    _, resumed = fit(tmp_path / "killed", 3)
    assert [text for text in messages if "epoch 1," in text or "epoch 2," in text] == []
    _, whole = fit(tmp_path / "whole", 3)
    assert len(resumed.history) == len(whole.history) == 3
    for mine, theirs in zip(resumed.history, whole.history, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], abs=0.02)


@pytest.mark.parametrize("way", ["grid", "optuna"])
def test_a_stopped_search_scores_no_settings_twice(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    rows = fitting.TrainingRows(
        (choose.standard_normal((60, 5)) + labels[:, None]).astype(np.float32), labels, np.arange(60).astype(str)
    )

    def run(show_progress: Any) -> fitting.LogitModel:
        monkeypatch.setattr(fitting, "show_progress", show_progress)
        return fitting.fit("logistic", rows, 3, tune=way, trials=4, seed=0, folder=tmp_path / way)

    def stop(text: str) -> None:
        if (tmp_path / way / "trials.json").is_file():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    first = json.loads((tmp_path / way / "trials.json").read_text())
    found = run(lambda _: None)
    assert len(first) == 1 and found.trials[0] == first[0] and len(found.trials) == 4
    assert found.settings in [trial["values"] for trial in found.trials]


@pytest.mark.parametrize("how", ["filtered", "nowhere.csv"])
def test_a_missing_split_is_an_error(
    folder: Path, tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--model", "logistic", "--split", how, "--shared", str(tmp_path))
    assert train(folder, tmp_path / "own.skops", *arguments) == 2
    assert "cannot be split" in capsys.readouterr().err
    assert not (tmp_path / "own.skops").exists()


def test_a_model_of_published_features_cannot_analyse_songs(tmp_path: Path) -> None:
    choose = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 10)
    rows = (choose.standard_normal((20, 3)) + (labels == "a")[:, None]).astype(np.float32)
    table = FeatureTable(rows, ("x_mean", "y_mean", "z_mean"), labels, np.array([f"s{i}" for i in range(20)]))
    table.save(tmp_path / "others.npz")
    output = tmp_path / "deaf.skops"
    assert train(None, output, "--model", "svm", "--features", str(tmp_path / "others.npz")) == 0
    assert load_card(output).data["source"] == ["others.npz"]
    with pytest.raises(TableOnlyWeightsError, match="cannot"):
        open_model(output)


def test_a_network_without_a_folder_of_songs_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(None, tmp_path / "own.keras", "--model", "cnn") == 2
    assert "--data" in capsys.readouterr().err


def test_a_weight_file_holds_no_pickle(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "own.skops"
    assert train(folder, output, "--model", "forest") == 0
    with zipfile.ZipFile(output) as file:
        assert {Path(name).suffix for name in file.namelist()} <= {".json", ".npy"}
