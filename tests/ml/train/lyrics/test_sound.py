"""The weight of the words against the sound, fitted on made pairs."""

from __future__ import annotations

import numpy as np
import pytest

from ml.models.card import GENRE_WEIGHTS, load_card
from ml.train.lyrics.sound import Sound, fit_weight, make_pairs
from tests.ml.lyrics.texts import OWN, songs

TEN = load_card(GENRE_WEIGHTS).labels


def sounds(random: np.random.Generator, count: int = 300) -> Sound:
    truth = random.integers(len(TEN), size=count)
    scores = random.standard_normal((count, len(TEN))) + 2 * np.eye(len(TEN))[truth]
    return Sound(TEN, truth, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("strength", "helps"), [(2.0, True), (0.0, False), (-2.0, False)])
def test_the_weight_is_never_worse_than_sound_alone(strength: float, helps: bool) -> None:
    random = np.random.default_rng(0)
    labels = tuple(OWN)
    made = songs(100)
    truth = np.array([labels.index(one.genre) for one in made])
    scores = random.standard_normal((len(made), 3)) + strength * np.eye(3)[truth]
    by_words = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    pairs = make_pairs(sounds(random), made, by_words, dict.fromkeys(labels, 1 / 3), seed=0)
    weight = fit_weight(pairs)
    assert pairs.accuracy(weight)["accuracy"] >= pairs.accuracy(0.0)["accuracy"]
    assert (weight > 0.2) == helps


def test_pairs_are_of_one_genre_and_a_genre_without_texts_is_left_out() -> None:
    labels = tuple(OWN)
    made = [one for one in songs(100) if one.genre != "metal"]
    by_words = np.array([[0.9 if one.genre == label else 0.05 for label in labels] for one in made])
    sound = sounds(np.random.default_rng(1))
    pairs = make_pairs(sound, made, by_words, dict.fromkeys(labels, 1 / 3), seed=0)
    metal = TEN.index("metal")
    assert metal not in pairs.sound.truth and len(pairs.sound.truth) == (sound.truth != metal).sum()
    known = pairs.words[pairs.is_shared]
    assert (np.nan_to_num(known).argmax(axis=1) == pairs.sound.truth[pairs.is_shared]).all()
    assert np.isnan(known[:, TEN.index("blues")]).all()
