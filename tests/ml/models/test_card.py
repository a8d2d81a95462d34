from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ml.models.card import GENRE_WEIGHTS, Card, ChangedWeightsError, NoCardError, card_path, load_card
from ml.models.genre import GenreModel, UnusableWeightsError
from ml.similarity.vectors import features_version_of

CARD = Card("a", "1", ("x", "y"), {"least_probability": 0.5}, {}, {}, "ours")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "a.keras"
    path.write_bytes(b"weights")
    CARD.save(path)
    return path


def test_a_card_survives_saving(weights: Path) -> None:
    card = load_card(weights)
    assert card.labels == CARD.labels
    assert card.settings == CARD.settings
    assert set(card.sha256) == {"a.keras"}


def test_the_features_version_follows_the_trunk_and_not_the_head() -> None:
    model = GenreModel.load()
    assert model.card.trunk_version == model.trunk_version
    other_head = replace(model.card, sha256=model.card.sha256 | {GENRE_WEIGHTS.name: "0" * 64})
    assert features_version_of(other_head) == features_version_of(model.card)
    assert features_version_of(replace(model.card, trunk_version="0" * 64)) != features_version_of(model.card)
    assert features_version_of(replace(other_head, trunk_version="")) != features_version_of(
        replace(model.card, trunk_version="")
    )


def test_changed_weights_are_refused(weights: Path) -> None:
    weights.write_bytes(b"Weights")
    with pytest.raises(ChangedWeightsError, match=r"a\.keras"):
        load_card(weights)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"name": 3}', '{"labels": null}'])
def test_an_unreadable_card_is_refused(weights: Path, content: str | None) -> None:
    card_path(weights).unlink() if content is None else card_path(weights).write_text(content)
    with pytest.raises(NoCardError):
        load_card(weights)


def test_a_card_of_another_file_is_refused(weights: Path) -> None:
    other = weights.with_name("b.keras")
    other.write_bytes(b"weights")
    card_path(other).write_text(card_path(weights).read_text())
    with pytest.raises(NoCardError):
        load_card(other)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.keras"
    path.write_bytes(b"PK\x03\x04 not a model")
    CARD.save(path)
    with pytest.raises(UnusableWeightsError, match=r"a\.keras"):
        GenreModel.load(path)


def test_the_shipped_model_is_whole_and_small() -> None:
    card = load_card(GENRE_WEIGHTS)
    assert card.licence
    assert len(card.labels) == 10
    assert GENRE_WEIGHTS.stat().st_size + card_path(GENRE_WEIGHTS).stat().st_size < 8_000_000
