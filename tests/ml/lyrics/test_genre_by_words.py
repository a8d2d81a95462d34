"""The shipped models, the rules for saying no genre, and the combination with the sound."""

from __future__ import annotations

import numpy as np
import pytest

from ml.lyrics.genre_by_words import PRIOR, SHIPPED, WordsModel
from ml.lyrics.text.fusion import fuse
from ml.lyrics.text.tfidf import TfidfModel
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.paths import WEIGHT_FOLDER
from ml.report.schema import Genre, Score
from tests.ml.report.test_translation import read_catalogue

TEN = load_card(GENRE_WEIGHTS).labels
METAL = """darkness rising from the grave of steel and fire, the demons of hell are calling your name, blood and
thunder, we march to war and death beneath the burning sky, my soul is lost in the night of eternal pain"""
TROT = """사랑아 내 사랑아 어디로 갔나 고향의 강물은 오늘도 흐르는데 인생은 나그네길 눈물 젖은 술잔에
그리운 님의 얼굴 꽃잎처럼 떨어지네 울지 마라 이 마음 서러운 세월아 가지를 마라 청춘도 사랑도 모두 다
지나가네 항구의 밤은 깊어만 가고 뱃고동 소리 울려 퍼지네"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> WordsModel:
    return WordsModel.load(text_model="bert-base-uncased", models_folder=tmp_path_factory.mktemp("models"))


def genre(scores: dict[str, float], *, confident: bool = True) -> Genre:
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return Genre(ranked[0][0], confident, tuple(Score(*item) for item in ranked))


def sound() -> Genre:
    return genre({label: (0.4 if label == "rock" else 0.3 if label == "metal" else 0.3 / 8) for label in TEN})


def test_english_words_give_one_of_the_ten_genres(model: WordsModel) -> None:
    found = model.genre(METAL, 160.0)
    assert found is not None and found.top == "metal"
    assert {score.label for score in found.scores} <= set(TEN)
    assert sum(score.probability for score in found.scores) == pytest.approx(1, abs=1e-4)
    assert [score.probability for score in found.scores] == sorted((s.probability for s in found.scores), reverse=True)


def test_korean_words_give_a_genre_of_the_chart(model: WordsModel) -> None:
    found = model.genre(TROT, None)
    assert found is not None and found.top == "trot" and not {s.label for s in found.scores} <= set(TEN)
    assert model.combine(sound(), found, 1.0) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "la la la",
        "you and me",
        "♪ " * 100,
        "Me gusta la vida y el sol que brilla sobre el mar de mi corazon " * 5,
        "愛してる ずっと 君だけを 見つめて いたい " * 10,
        "xqzzt blorf grumph vronk you the and i " * 1,
    ],
)
def test_too_few_words_or_another_language_give_no_genre(model: WordsModel, text: str) -> None:
    assert model.genre(text, None) is None


def test_a_very_long_text_is_read(model: WordsModel) -> None:
    assert model.genre(METAL * 5000, None) is not None


def test_sound_and_words_agree_on_metal(model: WordsModel) -> None:
    by_words = model.genre(METAL, None)
    assert by_words is not None
    combined = model.combine(sound(), by_words, 1.0)
    assert combined is not None and combined.top == "metal"
    assert {s.label for s in combined.scores} == set(TEN)
    assert sum(score.probability for score in combined.scores) == pytest.approx(1)


def test_unsure_words_change_nothing(model: WordsModel) -> None:
    by_words = model.genre(METAL, None)
    assert by_words is not None
    assert model.combine(sound(), by_words, 0.0) == sound()


def test_more_confidence_moves_further_from_the_sound(model: WordsModel) -> None:
    by_words = model.genre(METAL, None)
    assert by_words is not None
    found = [model.combine(sound(), by_words, confidence) for confidence in (0.0, 0.3, 0.6, 1.0)]
    metal = [next(s.probability for s in one.scores if s.label == "metal") for one in found if one]
    assert metal == sorted(metal) and metal[0] < metal[-1]


def test_without_a_common_label_nothing_is_combined(model: WordsModel) -> None:
    by_words = model.genre(METAL, None)
    assert by_words is not None
    assert model.combine(genre({"tango": 0.7, "fado": 0.3}), by_words, 1.0) is None


def test_a_combined_answer_is_confident_where_a_part_that_agrees_is() -> None:
    weights = WEIGHT_FOLDER / SHIPPED["en"]
    model = WordsModel({"en": TfidfModel.load(weights)})
    labels = load_card(weights).labels
    by_words = genre({label: (0.95 if label == "rock" else 0.05 / (len(labels) - 1)) for label in labels})
    unsure = genre({s.label: s.probability for s in sound().scores}, confident=False)
    both = model.combine(unsure, by_words, 1.0)
    assert both is not None and both.top == "rock" and both.confident
    neither = model.combine(unsure, Genre(by_words.top, False, by_words.scores), 1.0)
    assert neither is not None and not neither.confident


def test_a_weight_of_zero_is_the_sound_alone() -> None:
    by_sound = np.random.default_rng(0).dirichlet(np.ones(5), 20)
    by_words = np.random.default_rng(1).dirichlet(np.ones(5), 20)
    np.testing.assert_allclose(fuse(by_sound, by_words, np.full(5, 0.2), 0.0), by_sound, atol=1e-5)


def test_fused_probabilities_sum_to_one_and_words_like_the_prior_change_nothing() -> None:
    random = np.random.default_rng(0)
    by_sound, by_words = random.dirichlet(np.ones(6), 50), random.dirichlet(np.ones(6), 50)
    priors = random.dirichlet(np.ones(6))
    by_words[:, 4:], priors[4:] = np.nan, np.nan
    fused = fuse(by_sound, by_words, priors, 0.8)
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    np.testing.assert_allclose(fused[:, 4] / fused[:, 5], by_sound[:, 4] / by_sound[:, 5], err_msg="neutral labels")
    np.testing.assert_allclose(fuse(by_sound, np.tile(priors, (50, 1)), priors, 0.8), by_sound, atol=1e-5)


@pytest.mark.parametrize("language", SHIPPED)
def test_the_shipped_card_is_whole(language: str) -> None:
    path = WEIGHT_FOLDER / SHIPPED[language]
    shipped = TfidfModel.load(path)
    card = shipped.card
    assert card.data["language"] == language and card.licence and card.metrics["validation"]["n"] > 100
    assert 0 < card.settings["least_probability"] <= 1.01
    assert sum(card.settings[f"{PRIOR}{label}"] for label in card.labels) == pytest.approx(1)
    assert path.stat().st_size < 3_000_000
    assert all(len(term.split()) <= 2 for term in shipped.terms), "no term holds more than two words of a song"
    assert ("fusion_weight" in card.settings) == (set(card.labels) <= set(TEN)) == (language == "en")


def test_every_label_has_a_korean_name() -> None:
    catalogue = read_catalogue()
    labels = {label for name in SHIPPED.values() for label in load_card(WEIGHT_FOLDER / name).labels}
    assert {label for label in labels if not getattr(catalogue.get(label), "string", "")} == set()
