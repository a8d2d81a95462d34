"""The lab from labelled songs to a served weight file, and the rules it keeps: splits, resuming, no code in files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ml.audio.settings import SAMPLE_RATE
from ml.features.handcrafted import extraction
from ml.models.card import load_card
from ml.models.classic import scikit
from ml.models.classic.networks import picture
from ml.models.classic.scikit import prepare
from ml.models.classic.serving import TableOnlyWeightsError, open_model
from ml.pipeline import load
from ml.train.__main__ import main
from ml.train.classic import networks
from ml.train.classic import scikit as fitting
from ml.train.data import splits
from ml.train.data.feature_tables import Table
from tests.ml.music import song, white_noise


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two made-up genres, six songs each."""
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
def test_a_feature_model_is_trained_and_served(folder: Path, tmp_path: Path, kind: str) -> None:
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
def test_a_network_is_trained_and_served(folder: Path, tmp_path: Path, kind: str) -> None:
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


def test_the_command_line_names_the_genre_with_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ml.predict import main as predict

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


def fit(place: Path, epochs: int, show_progress: Any = lambda _: None) -> tuple[Any, networks.State]:
    return networks.fit(
        "cnn",
        windows(),
        windows(1),
        2,
        epochs=epochs,
        seed=3,
        place=place,
        run="r",
        show_progress=show_progress,
    )


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    def kill(text: str) -> None:
        if "epoch 2" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "killed", 3, kill)
    told: list[str] = []
    _, resumed = fit(tmp_path / "killed", 3, told.append)
    assert [text for text in told if "epoch 1," in text or "epoch 2," in text] == []
    _, whole = fit(tmp_path / "whole", 3)
    assert len(resumed.history) == len(whole.history) == 3
    for mine, theirs in zip(resumed.history, whole.history, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], abs=0.02)


@pytest.mark.parametrize("way", ["grid", "optuna"])
def test_a_tuning_that_was_stopped_asks_nothing_twice(tmp_path: Path, way: str) -> None:
    choose = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    rows = fitting.Rows(
        (choose.standard_normal((60, 5)) + labels[:, None]).astype(np.float32),
        labels,
        np.arange(60).astype(str),
    )

    def run(show_progress: Any) -> fitting.Fitted:
        return fitting.fit(
            "logistic",
            rows,
            3,
            tune=way,
            trials=4,
            seed=0,
            notes=tmp_path / way / "trials.json",
            show_progress=show_progress,
        )

    def stop(text: str) -> None:
        if (tmp_path / way / "trials.json").is_file():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    first = json.loads((tmp_path / way / "trials.json").read_text())
    found = run(lambda _: None)
    assert len(first) == 1 and found.trials[0] == first[0] and len(found.trials) == 4
    assert found.values in [trial["values"] for trial in found.trials]


def test_no_song_and_no_artist_stands_on_both_sides(tmp_path: Path) -> None:
    songs = np.repeat([f"s{number}" for number in range(40)], 3)
    labels = np.repeat(np.tile(["a", "b"], 20), 3)
    artists = {f"s{number}": f"artist {number // 4}" for number in range(40)}
    for how in ("random", "artist"):
        found = splits.split(how, songs, labels, artists, shared=tmp_path)
        assert not set(songs[found.learn]) & set(songs[found.test])
        assert found.test.any() and (found.learn ^ found.test).all()
    assert not {artists[s] for s in songs[found.learn]} & {artists[s] for s in songs[found.test]}
    leaky = splits.split("leaky", songs, labels, artists, shared=tmp_path)
    assert set(songs[leaky.learn]) & set(songs[leaky.test])


def test_a_list_says_who_examines(tmp_path: Path) -> None:
    songs, labels = np.array(["one, two", "b", "c"]), np.array(["x", "y", "x"])
    listing = tmp_path / "sides.csv"
    listing.write_text("one, two,train\nb,train\nc,test\n")
    found = splits.split(str(listing), songs, labels, {}, shared=tmp_path)
    assert found.learn.tolist() == [True, True, False] and found.test.tolist() == [False, False, True]
    listing.write_text("b,perhaps\n")
    with pytest.raises(splits.SplitError):
        splits.split(str(listing), songs, labels, {}, shared=tmp_path)


@pytest.mark.parametrize("how", ["filtered", "nowhere.csv"])
def test_a_split_that_is_not_there_is_a_sentence(
    folder: Path, tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--model", "logistic", "--split", how, "--shared", str(tmp_path))
    assert train(folder, tmp_path / "own.skops", *arguments) == 2
    assert "cannot be split" in capsys.readouterr().err
    assert not (tmp_path / "own.skops").exists()


@pytest.mark.data
def test_the_published_split_keeps_artists_apart(shared: Path) -> None:
    from ml.train.classic import datasets

    songs = datasets.read_features([shared / "gtzan" / "features_30_sec.csv"])
    artists = datasets.artists_of(None, shared)
    found = splits.split("filtered", songs.songs, songs.labels, artists, shared=shared)
    assert (found.learn.sum(), found.test.sum(), found.valid.sum()) == (640, 290, 197)
    assert not (found.learn & found.test).any()


def test_the_key_of_a_song_changes_nothing_for_a_model() -> None:
    choose = np.random.default_rng(0)
    names = extraction.NAMES
    row = choose.random((1, len(names))).astype(np.float32)
    bins = [[names.index(f"chroma_{number}_{what}") for number in range(1, 13)] for what in ("mean", "var")]
    moved = row.copy()
    for places in bins:
        moved[:, places] = np.roll(row[:, places], 5, axis=1)
    np.testing.assert_allclose(prepare(names, row)[1], prepare(names, moved)[1], atol=1e-5)
    found_names, found = prepare(names, row)
    assert len(found_names) == found.shape[1] and not np.allclose(prepare(names, row + 1)[1], found)


def test_a_picture_has_normalised_channels() -> None:
    drawn = picture(windows().mel[:3] * 7 + 2)
    assert drawn.shape == (3, 128, 128, 3) and drawn.dtype == np.float32
    np.testing.assert_allclose(drawn.mean(axis=(1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(drawn.std(axis=(1, 2)), 1, atol=1e-3)


def test_a_file_with_another_type_inside_is_not_opened(tmp_path: Path) -> None:
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import FunctionTransformer

    path = tmp_path / "strange.skops"
    skops.io.dump([LogisticRegression(), FunctionTransformer(func=pytest.fail)], path)
    with pytest.raises(scikit.UntrustedTypesError, match="pytest"):
        scikit.load(path)


def test_a_model_of_published_numbers_cannot_hear_and_says_so(tmp_path: Path) -> None:
    choose = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 10)
    rows = (choose.standard_normal((20, 3)) + (labels == "a")[:, None]).astype(np.float32)
    table = Table(rows, ("x_mean", "y_mean", "z_mean"), labels, np.array([f"s{i}" for i in range(20)]))
    table.save(tmp_path / "others.npz")
    output = tmp_path / "deaf.skops"
    assert train(None, output, "--model", "svm", "--features", str(tmp_path / "others.npz")) == 0
    assert load_card(output).data["source"] == ["others.npz"]
    with pytest.raises(TableOnlyWeightsError, match="cannot hear"):
        open_model(output)


def test_a_network_needs_songs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(None, tmp_path / "own.keras", "--model", "cnn") == 2
    assert "--data" in capsys.readouterr().err


def test_a_weight_file_holds_no_pickle(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "own.skops"
    assert train(folder, output, "--model", "forest") == 0
    with zipfile.ZipFile(output) as file:
        assert {Path(name).suffix for name in file.namelist()} <= {".json", ".npy"}
