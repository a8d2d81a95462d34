"""Training the mood model from ratings, and from a user's folders to a weight file that the product loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ml.audio.loading import from_samples
from ml.audio.settings import SAMPLE_RATE
from ml.models.card import load_card
from ml.models.mood import INPUTS, MoodModel, sigmoid
from ml.pipeline import load
from ml.train.__main__ import main
from ml.train.data.corpus import Example, read_folder
from ml.train.data.folds import folds_by_value
from ml.train.mood import fit
from ml.train.mood.fit import Ratings
from ml.train.mood.training import MIDDLE_SECONDS, _groups, middle
from tests.ml.evaluate.collection import make_ratings
from tests.ml.music import song


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Calm: slow and low. Exciting: fast and high over noise. Four songs each, one of them twice."""
    for label, bpm, hz in (("calm", 50, 110), ("exciting", 180, 330)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(4):
            sound = song(6.0, bpm=bpm + 4 * number, root_hz=hz, seed=number)
            noise = 0.15 * np.random.default_rng(number).standard_normal(len(sound))
            sound = sound + (noise * (np.arange(len(sound)) % 4000 < 800) if label == "exciting" else 0)
            soundfile.write(tmp_path / "data" / label / f"{number}.wav", sound, SAMPLE_RATE)
    copy = tmp_path / "data" / "calm" / "0 copy.wav"
    copy.write_bytes((tmp_path / "data" / "calm" / "0.wav").read_bytes())
    (tmp_path / "data" / "calm" / "notes.mp3").write_text("not a song " * 20)
    return tmp_path / "data"


def run(folder: Path, output: Path, *more: str) -> int:
    cache = output.parent / "cache"
    places = ["--data", folder, "--output", output, "--cache", cache]
    return main(["--task", "mood", *map(str, places), *more])


def test_training_on_folders_gives_a_model_of_their_moods(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "own.npz"
    assert run(folder, output, "--name", "mine") == 0
    assert "notes.mp3" in capsys.readouterr().err
    card = load_card(output)
    assert (card.name, card.labels, card.data) == ("mine", ("calm", "exciting"), {"calm": 5, "exciting": 4})
    assert card.metrics["cross_validated"]["n"] == 9
    with load(mood_weights=output) as pipeline:
        for label in card.labels:
            answer = pipeline.analyse(folder / label / "1.wav").mood
            assert answer is not None and answer.label == label
            assert (answer.arousal > 0.5) == (label == "exciting")


def test_moods_may_have_other_names_and_be_three(folder: Path, tmp_path: Path) -> None:
    (folder / "calm").rename(folder / "잔잔함")
    (folder / "exciting").rename(folder / "party")
    (folder / "sad").mkdir()
    for number in range(2):
        soundfile.write(folder / "sad" / f"{number}.wav", song(4.0, bpm=70, root_hz=80), SAMPLE_RATE)
    output = tmp_path / "own.npz"
    assert run(folder, output) == 0
    model, shipped = MoodModel.load(output), MoodModel.load()
    assert model.labels == ("party", "sad", "잔잔함")
    np.testing.assert_array_equal(model.arousal_weights, shipped.arousal_weights)
    assert model.arousal_bias == shipped.arousal_bias


def test_a_second_run_reuses_the_cache(folder: Path, tmp_path: Path) -> None:
    assert run(folder, tmp_path / "own.npz") == 0
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert run(folder, tmp_path / "own.npz") == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == written


@pytest.mark.parametrize("songs", [0, 1])
def test_one_mood_is_refused(folder: Path, tmp_path: Path, songs: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Also if there is a second mood none of whose files can be read."""
    for path in sorted((folder / "exciting").iterdir()):
        path.unlink()
    if songs:
        (folder / "exciting" / "a.wav").write_text("not a song")
    assert run(folder, tmp_path / "own.npz") == 2
    assert "sub-folder" in capsys.readouterr().err
    assert not (tmp_path / "own.npz").exists()


def test_copies_of_a_file_have_one_group(folder: Path) -> None:
    (folder / "calm" / "notes.mp3").unlink()
    examples = read_folder(folder)
    groups = dict(zip((example.name for example in examples), _groups(examples).tolist(), strict=True))
    assert groups["calm/0 copy.wav"] == groups["calm/0.wav"]
    assert len(set(groups.values())) == len(examples) - 1


def some_ratings(count: int = 120, *, noise: float = 0.2) -> tuple[np.ndarray, Ratings]:
    """Clips whose balance is a linear function of their inputs plus noise."""
    random = np.random.default_rng(0)
    given = random.standard_normal((count, INPUTS)).astype(np.float32)
    balance = given @ random.standard_normal(INPUTS).astype(np.float32) / INPUTS**0.5
    balance = balance + noise * random.standard_normal(count).astype(np.float32)
    names = [f"{('rock', 'pop', 'jazz')[i % 3]}.{i:03}" for i in range(count)]
    examples = [Example(name, "", name, "emotify", "train") for name in names]
    return given, Ratings(examples, balance, sigmoid(3 * balance), np.array([n.split(".")[0] for n in names]))


def test_the_fit_finds_a_linear_balance() -> None:
    given, ratings = some_ratings()
    predicted = fit.cross_predict(given, ratings.balance, fit.folds_by_clip(ratings))
    assert np.corrcoef(predicted, ratings.balance)[0, 1] > 0.75
    assert ((predicted > 0) == ratings.exciting).mean() > 0.75
    head, settings, _ = fit.fit_ratings(given, ratings)
    arousal = sigmoid(head.arousal(given)[:, 0])
    assert np.abs(arousal - ratings.arousal).mean() < 0.15
    assert settings["slope"] == pytest.approx(3, rel=0.5)
    scores = head.scores(given)
    np.testing.assert_array_equal(scores.argmax(axis=1) == 1, arousal > 0.5)


def test_cross_validation_has_no_leak() -> None:
    """Shuffled inputs contain nothing about the balance, so only a leak could correlate with it."""
    given, ratings = some_ratings()
    random = np.random.default_rng(3).permutation(len(given))
    for folds in (fit.folds_by_clip(ratings), folds_by_value(ratings.genres)):
        predicted = fit.cross_predict(given[random], ratings.balance, folds)
        assert abs(np.corrcoef(predicted, ratings.balance)[0, 1]) < 0.3
        assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(len(given)))
        assert not any(set(train.tolist()) & set(test.tolist()) for train, test in folds)


def test_folds_by_genre_leave_out_whole_genres() -> None:
    _, ratings = some_ratings(30)
    for train, test in folds_by_value(ratings.genres):
        assert not set(ratings.genres[train]) & set(ratings.genres[test])


def test_balance_and_arousal_follow_from_the_ratings(tmp_path: Path) -> None:
    make_ratings(tmp_path, {"pop.000": (0.1, 0.5, 0.3), "rock.000": (0.6, 0.1, 0.1), "rock.001": (0.0, 0.0, 0.0)})
    ratings = fit.read_ratings(tmp_path)
    np.testing.assert_allclose(ratings.balance, [0.7, -0.4, 0.0])
    np.testing.assert_allclose(ratings.arousal, [8 / 9, 0.25, 0.5])
    assert ratings.exciting.tolist() == [True, False, False]
    assert ratings.agreed.tolist() == [True, True, False]
    assert [example.label for example in ratings.examples] == ["exciting", "calm", "calm"]


def test_missing_ratings_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--task", "mood", "--shared", str(tmp_path), "--output", str(tmp_path / "a.npz")]) == 2
    assert "nothing to learn from" in capsys.readouterr().err


def test_the_middle_is_five_seconds_long() -> None:
    samples = np.linspace(-0.5, 0.5, 30 * SAMPLE_RATE, dtype=np.float32)
    cut = middle(from_samples(samples, SAMPLE_RATE, title="a")).samples
    assert len(cut) == MIDDLE_SECONDS * SAMPLE_RATE
    assert cut[len(cut) // 2] == pytest.approx(0.0, abs=1e-4)
    assert np.ptp(cut) == pytest.approx(MIDDLE_SECONDS / 30, abs=1e-3)
    short = from_samples(samples[: 2 * SAMPLE_RATE], SAMPLE_RATE, title="a")
    assert len(middle(short).samples) == 2 * SAMPLE_RATE


@pytest.mark.data
def test_training_again_gives_the_shipped_head(shared: Path, tmp_path: Path) -> None:
    output = tmp_path / "mood.npz"
    assert main(["--task", "mood", "--shared", str(shared), "--output", str(output)]) == 0
    again, shipped = MoodModel.load(output), MoodModel.load()
    np.testing.assert_allclose(again.arousal_weights, shipped.arousal_weights, atol=1e-3)
    assert again.card.metrics["cross_validated"]["accuracy"] > 0.78
