"""Words, terms and languages; TF-IDF in NumPy; word vectors; the encoder and the network as files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.lyrics.errors import ModelMissingError
from ml.lyrics.text.encoder import TextEncoder
from ml.lyrics.text.network import TextNetwork, tempo_inputs
from ml.lyrics.text.tfidf import TfidfModel
from ml.lyrics.text.tokens import TERMS, find_language, words
from ml.lyrics.text.vectors import WordVectors
from ml.models.card import Card, ChangedWeightsError, WeightError
from ml.models.genre import UnusableWeightsError
from tests.sources import ROOT

LABELS = ("a", "b")


def card(**settings: float) -> Card:
    return Card("tiny", "1", LABELS, settings, {"language": "en"}, {}, "made in a test", kind="tfidf")


def tiny(kind: str = "pairs") -> TfidfModel:
    terms = ("rain", "sun", "rain falls")
    weights = np.array([[2, -2], [-2, 2], [1, 0]], np.float32)
    return TfidfModel(card(), kind, terms, np.array([1, 1, 2], np.float32), weights, np.zeros(2, np.float32))


def test_words_are_lower_case_in_any_script() -> None:
    assert words("Don’t STOP, 99 times…  ＡＢＣ 사랑해요! naïve") == [
        "don't", "stop", "times", "abc", "사랑해요", "naïve",
    ]  # fmt: skip
    assert words("\u1109\u1161랑") == ["사랑"], "decomposed Hangul is composed"
    assert words("123 ... \x00") == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I walk the line and you are with me", "en"),
        ("사랑해 oh my baby 영원히 너를 사랑해요", "ko"),
        ("Me gusta la vida y el sol que brilla sobre el mar de mi corazon", None),
        ("Je ne regrette rien ni le bien qu'on m'a fait ni le mal", None),
        ("Über den Wolken muss die Freiheit wohl grenzenlos sein", None),
        ("愛してる ずっと 君だけを 見つめて いたい", None),
        ("Я люблю тебя жизнь и надеюсь что это взаимно", None),
        ("", None),
        ("♪ ♪ 1234", None),
    ],
)
def test_the_language_is_found(text: str, language: str | None) -> None:
    assert find_language(words(text)) == language


def test_terms_hold_at_most_two_words() -> None:
    found = words("one two three four")
    assert list(TERMS["words"](found)) == found
    assert list(TERMS["pairs"](found))[4:] == ["one two", "two three", "three four"]
    characters = list(TERMS["characters"](["사랑"]))
    assert "사랑" in characters and " 사랑" in characters and max(map(len, characters)) == 3
    assert list(TERMS["characters"]([])) == []


def test_tfidf_weighs_terms_and_ignores_unknown_words() -> None:
    model = tiny()
    assert model.probabilities(["rain", "unknown"])[0] > 0.9
    np.testing.assert_allclose(model.probabilities(["rain", "unknown"]), model.probabilities(["rain"]))
    np.testing.assert_allclose(model.probabilities(["unknown"]), 0.5)
    assert model.known_words(["rain", "rain", "sun", "unknown"]) == 3


def test_tfidf_is_the_same_from_its_file(tmp_path: Path) -> None:
    model, path = tiny(), tmp_path / "tiny.npz"
    model.save(path)
    model.card.save(path)
    loaded = TfidfModel.load(path)
    assert loaded.terms == model.terms
    np.testing.assert_allclose(
        loaded.probabilities(["rain", "falls"]), model.probabilities(["rain", "falls"]), atol=1e-3
    )


@pytest.mark.parametrize("fault", ["other bytes", "shape", "kind", "not finite", "no archive", "pickle"])
def test_broken_weights_are_refused(tmp_path: Path, fault: str) -> None:
    path, model = tmp_path / "tiny.npz", tiny()
    if fault == "kind":
        model = tiny("sentences")
    if fault == "shape":
        model.__dict__["bias"] = np.zeros(3, np.float32)
    if fault == "not finite":
        model.weights[0, 0] = np.nan
    model.save(path)
    if fault == "no archive":
        path.write_bytes(b"not an archive")
    if fault == "pickle":
        np.savez(path, terms=np.array([{}], object))
    model.card.save(path)
    if fault == "other bytes":
        path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(ChangedWeightsError if fault == "other bytes" else UnusableWeightsError):
        TfidfModel.load(path)


def test_word_vectors_have_a_mean(tmp_path: Path) -> None:
    vectors = WordVectors(("rain", "sun"), np.array([[1, 0], [0, 1]], np.float32))
    vectors.save(tmp_path / "vectors.npz")
    loaded = WordVectors.load(tmp_path / "vectors.npz")
    np.testing.assert_allclose(loaded.mean(["rain", "sun", "sun", "other"]), [1 / 3, 2 / 3], atol=1e-3)
    np.testing.assert_allclose(loaded.mean(["other"]), 0)
    (tmp_path / "vectors.npz").write_bytes(b"")
    with pytest.raises(UnusableWeightsError):
        WordVectors.load(tmp_path / "vectors.npz")


def test_a_missing_tempo_is_marked() -> None:
    assert tempo_inputs(150.0, 120.0, 30.0) == (1.0, 0.0)
    for missing in (None, 0.0, -1.0, float("nan"), float("inf")):
        assert tempo_inputs(missing, 120.0, 30.0) == (0.0, 1.0)


def test_an_encoder_is_loaded_by_folder_and_by_name(small_text_model: Path) -> None:
    by_folder = TextEncoder.load(str(small_text_model), small_text_model.parent)
    by_name = TextEncoder.load(small_text_model.name, small_text_model.parent)
    pooled = by_folder.pooled(by_folder.tokens(["love me tender", "the night"])).detach().numpy()
    assert pooled.shape == (2, 32) and np.isfinite(pooled).all()
    again = by_name.pooled(by_name.tokens(["love me tender", "the night"])).detach().numpy()
    np.testing.assert_allclose(pooled, again)


def test_a_long_text_is_cut_to_what_the_encoder_takes(small_text_model: Path) -> None:
    encoder = TextEncoder.load(str(small_text_model), small_text_model.parent)
    tokens = encoder.tokens(["love " * 5000])
    assert tokens["input_ids"].shape == (1, 128)
    assert np.isfinite(encoder.pooled(tokens).detach().numpy()).all()


def test_a_missing_encoder_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="nobody/nothing"):
        TextEncoder.load("nobody/nothing", tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelMissingError):
        TextEncoder.load(str(tmp_path), tmp_path)


def test_a_folder_without_a_card_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "lyrics.safetensors").write_bytes(b"")
    with pytest.raises(WeightError):
        TextNetwork.load(tmp_path)


def test_reading_genres_needs_neither_torch_nor_scikit_learn() -> None:
    """In a process of its own, because this one may have loaded anything."""
    heavy = {"torch", "transformers", "gensim", "sklearn", "tensorflow"}
    probe = (
        "import sys; from pathlib import Path; from ml.lyrics.genre_by_words import WordsModel;"
        "model = WordsModel.load(text_model='', models_folder=Path('.'));"
        f"model.genre('you and the rain on my road ' * 10, None); print(*sorted({heavy} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.split() == []
