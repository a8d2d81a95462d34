"""`python -m ml.train --task lyrics`, from a table to a folder that an analysis uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.lyrics.genre_by_words import WordsModel
from ml.lyrics.text.network import TextNetwork
from ml.lyrics.text.tfidf import TfidfModel
from ml.models.card import load_card
from ml.train.__main__ import main
from tests.ml.lyrics.texts import OWN, songs, text, write_table


def train(tmp_path: Path, *extra: str) -> int:
    table = write_table(tmp_path / "songs.csv.gz", songs(40))
    folders = {"--cache": "cache", "--output": "own", "--models": "models", "--shared": "nothing"}
    arguments = [part for name, folder in folders.items() for part in (name, str(tmp_path / folder))]
    return main(["--task", "lyrics", "--texts", str(table), *arguments, *extra])


def test_tfidf_is_trained_and_then_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "--name", "my words") == 0
    card = load_card(tmp_path / "own" / "lyrics.npz")
    assert card.name == "my words" and card.labels == tuple(OWN) and card.data["language"] == "en"
    assert card.metrics["validation"]["accuracy"] > 0.9
    assert "fusion_weight" not in card.settings, "it cannot be fitted without the collections"
    assert isinstance(TfidfModel.load(tmp_path / "own" / "lyrics.npz"), TfidfModel)
    assert "120 texts" in capsys.readouterr().err
    model = WordsModel.load(text_model=str(tmp_path / "own"), models_folder=tmp_path)
    found = model.genre(text("country", 99), None)
    assert found is not None and found.top == "country" and len(found.scores) == 3


def test_a_network_is_trained_and_then_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="needs requirements-lyrics.txt")
    monkeypatch.setattr("ml.train.lyrics.vectors.SIZE", 16)
    monkeypatch.setattr("ml.train.lyrics.vectors.EPOCHS", 30)
    monkeypatch.setattr("ml.train.lyrics.network.LEARNING_RATE", 1e-2)
    assert train(tmp_path, "--parts", "word2vec", "--epochs", "20") == 0
    loaded = TextNetwork.load(tmp_path / "own")
    assert loaded.parts == ["word2vec", "bpm"] and loaded.card.settings["bpm_mean"] == pytest.approx(130, abs=10)
    model = WordsModel.load(text_model="own", models_folder=tmp_path)
    for bpm in (170.0, None):
        found = model.genre(text("metal", 99), bpm)
        assert found is not None and sum(s.probability for s in found.scores) == pytest.approx(1, abs=1e-5)
    found = model.genre(text("metal", 99), 170.0)
    assert found is not None and found.top == "metal"


def test_a_pretrained_text_model_by_folder(tmp_path: Path, small_text_model: Path) -> None:
    options = ("--parts", "bert", "--without-bpm", "--text-model", str(small_text_model), "--epochs", "1")
    assert train(tmp_path, *options) == 0
    assert TextNetwork.load(tmp_path / "own").parts == ["bert"]
    model = WordsModel.load(text_model=str(tmp_path / "own"), models_folder=tmp_path)
    assert model.genre(text("pop", 99), None) is not None


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (("--texts", "nothing.csv"), "there is no such file"),
        (("--language", "fr"), "cannot be split"),
        (("--parts", "bert", "--text-model", "nobody/nothing"), "not on this machine"),
    ],
)
def test_a_failure_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: tuple[str, ...], sentence: str
) -> None:
    assert train(tmp_path, *extra) == 2
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error
    assert not (tmp_path / "own").exists()


def test_training_needs_texts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--task", "lyrics"]) == 2
    assert "--texts" in capsys.readouterr().err
