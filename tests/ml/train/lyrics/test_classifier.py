"""The network learns made-up genres; parts can be left out; an interrupted run ends in the same result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.lyrics.text.network import BERT, BPM, HEAD_NAME, WORD2VEC, TextNetwork
from ml.lyrics.text.tfidf import TfidfModel
from ml.models.card import Card, ChangedWeightsError
from ml.train.lyrics.splits import Divided, divide
from ml.train.lyrics.table import TableError, TextTable
from ml.train.lyrics.tfidf import Settings, build, choose, fit, least_probability, truth_of
from tests.ml.lyrics.texts import songs, text

torch = pytest.importorskip("torch", reason="needs requirements-lyrics.txt")
from ml.lyrics.text.encoder import TextEncoder  # noqa: E402
from ml.train.lyrics import classifier, network, vectors  # noqa: E402
from ml.train.lyrics.classifier import Options  # noqa: E402
from ml.train.lyrics.encoder import SCRATCH, make_encoder  # noqa: E402

SIZES = {"HIDDEN": 16, "LAYERS": 1, "HEADS": 2, "INNER": 32, "TOKENS": 48, "MOST_PIECES": 300}


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(2)
    for name, size in SIZES.items():
        monkeypatch.setattr(f"ml.train.lyrics.encoder.{name}", size)
    monkeypatch.setattr(vectors, "SIZE", 16)
    monkeypatch.setattr(vectors, "EPOCHS", 30)  # the texts are few and short
    monkeypatch.setattr(network, "LEARNING_RATE", 1e-2)


@pytest.fixture(scope="module")
def divided() -> Divided:
    return divide(TextTable(songs(40)))


def options(tmp_path: Path, *parts: str, epochs: int = 8) -> Options:
    return Options(parts, tmp_path / "models", tmp_path / "cache", SCRATCH, epochs=epochs)


def accuracy(scores: np.ndarray, divided: Divided) -> float:
    return float((scores.argmax(axis=1) == truth_of(divided.test, divided.labels)).mean())


def test_tfidf_learns_the_genres_and_is_the_same_in_numpy(divided: Divided) -> None:
    settings, fitted = choose(divided.train, divided.valid, divided.labels, ["words"])
    scores = fitted.scores(divided.test)
    assert accuracy(scores, divided) >= 0.95
    card = Card("tiny", "1", divided.labels, {}, {}, {}, "made in a test", kind="tfidf")
    model = build(fitted, card, settings, 2.0)
    by_numpy = np.array([model.probabilities(one.words) for one in divided.test])
    exponentials = np.exp(2 * scores)
    np.testing.assert_allclose(by_numpy, exponentials / exponentials.sum(axis=1, keepdims=True), atol=1e-4)


def test_tfidf_of_two_genres_has_two_scores(divided: Divided) -> None:
    two = [one for one in divided.train if one.genre != "pop"]
    labels = ("country", "metal")
    fitted = fit(two, labels, Settings("words", 1.0))
    model = build(fitted, Card("two", "1", labels, {}, {}, {}, "", kind="tfidf"), Settings("words", 1.0), 1.0)
    assert isinstance(model, TfidfModel) and fitted.scores(two).shape == (len(two), 2)
    assert model.probabilities(text("metal", 99).split())[1] > 0.5


@pytest.mark.parametrize("parts", [(WORD2VEC,), (BPM,), (WORD2VEC, BPM), (BERT,), (WORD2VEC, BERT, BPM)], ids="+".join)
def test_each_part_learns_and_can_be_left_out(divided: Divided, tmp_path: Path, parts: tuple[str, ...]) -> None:
    fitted = classifier.fit(divided.train, divided.valid, divided.labels, options(tmp_path, *parts, epochs=30))
    assert accuracy(fitted.scores(divided.test), divided) >= (0.55 if parts == (BERT,) else 0.8)
    assert not list((tmp_path / "cache").glob("lyrics-*")), "the checkpoint of a finished run is deleted"


def test_a_saved_network_predicts_the_same_from_its_folder(divided: Divided, tmp_path: Path) -> None:
    fitted = classifier.fit(
        divided.train, divided.valid, divided.labels, options(tmp_path, WORD2VEC, BERT, BPM, epochs=2)
    )
    data = {"language": "en", "parts": [WORD2VEC, BERT, BPM]}
    settings = fitted.settings | {"temperature": 1.0, "least_probability": 0.5}
    card = Card("own", "1", divided.labels, settings, data, {}, "made in a test", kind="text network")
    fitted.save(card, tmp_path / "own")
    names = {path.name for path in (tmp_path / "own").iterdir()}
    assert {"lyrics.json", HEAD_NAME, "vectors.npz", "config.json", "model.safetensors"} <= names
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in names)
    loaded = TextNetwork.load(tmp_path / "own")
    expected = fitted.scores(divided.test[:5])
    expected = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    found = [loaded.probabilities(one.words, one.bpm) for one in divided.test[:5]]
    np.testing.assert_allclose(found, expected, atol=5e-3)
    weights = tmp_path / "own" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(ChangedWeightsError):
        TextNetwork.load(tmp_path / "own")


@pytest.mark.parametrize("parts", [(WORD2VEC,), (BERT,)], ids="+".join)
def test_an_interrupted_run_ends_in_the_same_result(
    divided: Divided, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: tuple[str, ...]
) -> None:
    def run(folder: str) -> np.ndarray:
        fitted = classifier.fit(
            divided.train, divided.valid, divided.labels, options(tmp_path / folder, *parts, epochs=4)
        )
        return fitted.scores(divided.test)

    whole = run("whole")
    epochs = network._epoch

    def stop(*arguments):  # type: ignore[no-untyped-def]
        if arguments[-1] == 2:
            raise KeyboardInterrupt
        return epochs(*arguments)

    with monkeypatch.context() as context:
        context.setattr(network, "_epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            run("interrupted")
    assert len(list((tmp_path / "interrupted" / "cache").glob("lyrics-*/state.safetensors"))) == 1
    np.testing.assert_allclose(run("interrupted"), whole, atol=1e-6)


def test_a_pretrained_encoder_is_used_frozen_and_can_be_fine_tuned(
    divided: Divided, tmp_path: Path, small_text_model: Path
) -> None:
    before = TextEncoder.load(str(small_text_model), tmp_path)
    chosen = replace(options(tmp_path, BERT, epochs=1), text_model=str(small_text_model))
    frozen = classifier.fit(divided.train, divided.valid, divided.labels, chosen)
    tuned = classifier.fit(divided.train, divided.valid, divided.labels, replace(chosen, fine_tune=True))

    def weights(encoder: TextEncoder | None) -> np.ndarray:
        assert encoder is not None
        return encoder.model.state_dict()["encoder.layer.0.attention.self.query.weight"].numpy()

    np.testing.assert_array_equal(weights(frozen.parts.encoder), weights(before))
    assert np.abs(weights(tuned.parts.encoder) - weights(before)).max() > 0


def test_the_tokenizer_is_the_same_for_the_same_texts(divided: Divided) -> None:
    first, again = (make_encoder(divided.train, 0).tokenizer.get_vocab() for _ in range(2))
    assert first == again


def test_word2vec_is_the_same_for_the_same_seed(divided: Divided) -> None:
    first, again = (vectors.fit_vectors(divided.train, 0) for _ in range(2))
    assert first.words == again.words
    np.testing.assert_array_equal(first.vectors, again.vectors)


def test_published_word_vectors_are_read(divided: Divided, tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("3 2\nbarn 1 0\nsteel 0 1\nunused 5 5\n")
    found = vectors.read_vectors(path, divided.train)
    assert set(found.words) == {"barn", "steel"}
    np.testing.assert_allclose(found.mean(["barn", "steel"]), [0.5, 0.5])
    for content in ("no vectors", "1 2\nunused 5 5\n"):
        path.write_text(content)
        with pytest.raises(TableError):
            vectors.read_vectors(path, divided.train)


def test_the_tokenizer_keeps_hangul_whole(divided: Divided) -> None:
    made = [replace(one, text="사랑해요 그대를 사랑해요") for one in divided.train]
    encoder = make_encoder(made, 0)
    assert encoder.tokenizer.tokenize("사랑해요") == ["사랑해요"]


def test_the_limit_of_confidence_follows_accuracy() -> None:
    best = np.linspace(0.4, 0.99, 100, dtype=np.float32)
    probabilities = np.stack([best, 1 - best], axis=1)[:, :2]
    truth = (np.arange(100) < 50).astype(np.int64)
    probabilities = np.where(probabilities[:, :1] >= 0.5, probabilities, probabilities)
    least = least_probability(probabilities, truth)
    confident = probabilities.max(axis=1) >= least
    right = probabilities.argmax(axis=1) == truth
    assert right[confident].mean() >= 0.7
    assert least_probability(probabilities, np.ones(100, np.int64)) > 1


@pytest.mark.parametrize("content", [b"", b"no tensors", None], ids=["empty", "damaged", "other shapes"])
def test_a_useless_checkpoint_is_replaced(divided: Divided, tmp_path: Path, content: bytes | None) -> None:
    inputs = classifier.Parts(None, None, False, (130.0, 30.0)).inputs(divided.train, divided.labels)
    run = network.Run(len(divided.labels), tmp_path / "run", 2, 0)
    expected = network.scores(network.fit(inputs, inputs, run)[0], inputs, 0)
    state = tmp_path / "run" / network.STATE_NAME
    if content is None:
        wider = replace(inputs, fixed=np.concatenate([inputs.fixed, inputs.fixed], axis=1))
        network.clear(tmp_path / "run")
        network.fit(wider, wider, run)
    else:
        state.write_bytes(content)
    np.testing.assert_allclose(network.scores(network.fit(inputs, inputs, run)[0], inputs, 0), expected, atol=1e-6)
