"""The evaluation of words, from tables to the page, on made-up texts; and the shipped page is current."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.lyrics.genre_by_words import SHIPPED
from ml.models.card import load_card
from ml.paths import WEIGHT_FOLDER
from ml.train.__main__ import main as train
from ml.train.lyrics.table import TextSong
from tests.ml.evaluate.collection import make_shared
from tests.ml.lyrics.texts import BPM, KOREAN, korean_text, song, songs, write_table
from tests.sources import ROOT

torch = pytest.importorskip("torch", reason="needs requirements-lyrics.txt")
from ml.evaluate.lyrics import intervals, page, run, tempi, words  # noqa: E402


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated research collection with texts in two languages."""
    shared = make_shared(tmp_path_factory.mktemp("shared"))
    (shared / "lyrics").mkdir()
    english = [one for one in songs(30) if one.genre != "metal"]
    english += [replace(song("metal", number), genre="rock") for number in range(30)]
    write_table(shared / "lyrics" / words.TABLES["en"], english)
    korean = [
        TextSong(korean_text(genre, number), genre, f"{genre} {number // 2}", "ko")
        for genre in KOREAN
        for number in range(30)
    ]
    write_table(shared / "lyrics" / words.TABLES["ko"], korean)
    return shared


def test_the_page_is_written_from_texts(collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"HIDDEN": 16, "LAYERS": 1, "HEADS": 2, "INNER": 32, "TOKENS": 32, "MOST_PIECES": 200}
    for name, size in sizes.items():
        monkeypatch.setattr(f"ml.train.lyrics.encoder.{name}", size)
    monkeypatch.setattr("ml.train.lyrics.vectors.SIZE", 8)
    monkeypatch.setattr(words, "EPOCHS", 2)
    monkeypatch.setattr(words, "ENCODER_EPOCHS", 1)
    for language, name in SHIPPED.items():
        table = collection / "lyrics" / words.TABLES[language]
        options = ["--texts", str(table), "--language", language, "--shared", str(collection)]
        assert train(["--task", "lyrics", *options, "--output", str(tmp_path / name)]) == 0
    assert "fusion_weight" in load_card(tmp_path / SHIPPED["en"]).settings
    figures = run.measure(collection, cache=tmp_path / "cache", models=tmp_path / "models", weights=tmp_path)
    json.dumps(figures)
    english, fusion = figures["english"], figures["fusion"]
    assert set(english["rows"]) == {"majority", "tfidf", *words.ROWS}
    assert english["rows"]["tfidf"]["test"]["accuracy"]["accuracy"] > 0.9 and english["best"] == "tfidf"
    assert set(figures["korean"]["rows"]) == {"majority", "tfidf", "word2vec", "bert", "both"}
    valid = fusion["valid"]["all"]
    assert valid["fused"]["accuracy"] >= valid["sound"]["accuracy"] and valid["sound"]["n"] > 0
    assert figures["recognition"] == []
    text = page.write(figures)
    for language in SHIPPED.values():
        assert load_card(tmp_path / language).sha256[language] in text
    assert "none installed" in text and "These pairs are made" in text and "Do not edit" in text
    again = run.measure(collection, cache=tmp_path / "cache", models=tmp_path / "models", weights=tmp_path)
    assert again == figures


def test_word_error_rates_have_a_table() -> None:
    row = {"model": "m", "kind": "singing", "files": 6, "words": 900, "error_rate": 0.5, "interval": [0.4, 0.6]}
    assert "| m | singing | 0.500 [0.400, 0.600] | 900 | 6 |" in "\n".join(page.recognition_part([row]))


def test_no_tempo_is_in_two_splits(tmp_path: Path) -> None:
    (tmp_path / "gtzan").mkdir()
    lines = [f"{genre}.{number:05},{bpm + number / 100}" for genre, bpm in BPM.items() for number in range(20)]
    (tmp_path / "gtzan" / "tempo.csv").write_text("\n".join(["id,bpm", *lines]) + "\n")
    found = tempi.read_tempi(tmp_path, 0)
    assert set(found) == set(BPM)
    for genre in BPM:
        sides = [set(found[genre][side]) for side in ("train", "valid", "test")]
        assert [len(side) for side in sides] == [12, 4, 4] and len(set().union(*sides)) == 20
    with_tempo = tempi.add_tempi(songs(3), found, "valid", 0)
    assert all(one.bpm in found[one.genre]["valid"] for one in with_tempo)
    assert tempi.add_tempi([replace(song("pop", 1), genre="trot")], found, "valid", 0)[0].bpm is None


def test_the_interval_is_wider_when_songs_of_an_artist_are_alike() -> None:
    truth = np.zeros(200, np.int64)
    answers = np.repeat(np.arange(20) % 2, 10)
    alike = intervals.figures_by_artist(truth, answers, [str(i // 10) for i in range(200)])["accuracy"]
    alone = intervals.figures_by_artist(truth, answers, [str(i) for i in range(200)])["accuracy"]
    assert alike["accuracy"] == alone["accuracy"] == 0.5
    assert alike["high"] - alike["low"] > 2 * (alone["high"] - alone["low"])


def test_the_shipped_page_is_about_the_shipped_models() -> None:
    text = (ROOT / "docs/lyrics.md").read_text(encoding="utf-8")
    for name in SHIPPED.values():
        card = load_card(WEIGHT_FOLDER / name)
        assert f"`{card.sha256[name]}`" in text, "run python -m ml.evaluate --lyrics"
    assert re.search(r"\*\*TF-IDF, logistic regression\*\* \| 0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]", text)


@pytest.mark.data
def test_the_split_of_the_shipped_model_can_be_made_again(shared: Path) -> None:
    for language in SHIPPED:
        texts = words.Texts.read(shared, WEIGHT_FOLDER, language)
        assert words.count_songs(texts.divided) == texts.shipped.card.data["texts"]
        artists = [
            {one.artist for one in side} for side in (texts.divided.train, texts.divided.valid, texts.divided.test)
        ]
        assert not artists[0] & artists[1] and not (artists[0] | artists[1]) & artists[2]
