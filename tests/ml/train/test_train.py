"""Training on a person's own folder, from songs made here to a weight file that the whole product serves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jobs.queue.feedback import Feedback
from jobs.upload_analysis import Song, listen
from ml.audio.settings import DEFAULT_LIMITS, SAMPLE_RATE
from ml.models.card import load_card
from ml.models.genre import TRUNK_OUTPUT_SIZE
from ml.pipeline import load
from ml.train.__main__ import main
from ml.train.data import corpus
from ml.train.data.augmentation import MP3_BITS_PER_SECOND, VARIANTS
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row
from ml.train.metrics import calibration_error
from tests.ml.music import song, white_noise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two made-up genres, four songs each, and a file that is no song."""
    for genre in ("느린 노래", "storm"):
        (tmp_path / "data" / genre).mkdir(parents=True)
        for number in range(4):
            sound = (
                song(6.0, bpm=70 + 5 * number, root_hz=110)
                if genre != "storm"
                else white_noise(6.0, seed=number) + 0.1 * song(6.0, seed=number)
            )
            soundfile.write(tmp_path / "data" / genre / f"{number}.wav", sound, SAMPLE_RATE)
    (tmp_path / "data" / "storm" / "notes.mp3").write_text("not a song " * 20)
    return tmp_path / "data"


def test_a_folder_becomes_a_model_that_knows_its_genres(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, cache = tmp_path / "own.keras", tmp_path / "cache"
    arguments = ["--data", str(folder), "--output", str(output), "--cache", str(cache), "--name", "mine"]
    assert main(arguments) == 0
    assert "notes.mp3" in capsys.readouterr().err
    card = load_card(output)
    assert card.labels == ("storm", "느린 노래")
    assert card.data == {"folder audio": 8}
    assert card.metrics["cross_validated_audio"]["n"] == 8
    with load(output) as pipeline:
        for genre in card.labels:
            report = pipeline.analyse(folder / genre / "0.wav")
            assert report.genre.top == genre
            assert report.labels == card.labels
            assert report.model.name == "mine"


def test_what_was_heard_is_not_heard_again(folder: Path, tmp_path: Path) -> None:
    arguments = [
        "--data",
        str(folder),
        "--output",
        str(tmp_path / "a.keras"),
        "--cache",
        str(tmp_path / "cache"),
    ]
    assert main(arguments) == 0
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == written


def test_listeners_answers_are_learnt_from(folder: Path, tmp_path: Path) -> None:
    """An answer is a file of the web's home, as the processes that hear leave it."""
    song = Song("s" * 22, tmp_path, "song.wav", "song.wav")
    soundfile.write(tmp_path / "song.wav", white_noise(6.0, seed=9), SAMPLE_RATE)
    with load() as pipeline:
        listen(pipeline, song, lambda stage: None, limits=DEFAULT_LIMITS)
    assert Feedback(tmp_path).keep(song.id, tmp_path, "storm")
    arguments = [
        "--data",
        str(folder),
        "--output",
        str(tmp_path / "own.keras"),
        "--cache",
        str(tmp_path / "cache"),
    ]
    assert main([*arguments, "--feedback", str(tmp_path / "feedback")]) == 0
    assert load_card(tmp_path / "own.keras").data == {"folder audio": 8, "listeners audio": 1}


@pytest.mark.parametrize("genres", [[], ["only"]])
def test_less_than_two_genres_are_refused(
    tmp_path: Path, genres: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for genre in genres:
        (tmp_path / genre).mkdir()
        soundfile.write(tmp_path / genre / "a.wav", song(2.0), SAMPLE_RATE)
    assert main(["--data", str(tmp_path), "--output", str(tmp_path / "a.keras")]) == 2
    assert "sub-folder" in capsys.readouterr().err
    assert not (tmp_path / "a.keras").exists()


def test_the_mp3_variant_is_what_its_name_says() -> None:
    import io

    from ml.train.data import augmentation

    buffer = io.BytesIO()
    soundfile.write(
        buffer, white_noise(10.0), augmentation.MP3_RATE, format="MP3", bitrate_mode="CONSTANT",
        compression_level=augmentation.MP3_LEVEL,
    )  # fmt: skip
    seconds = 10.0 * SAMPLE_RATE / augmentation.MP3_RATE
    assert buffer.show_progress() * 8 / seconds == pytest.approx(MP3_BITS_PER_SECOND, rel=0.05)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_the_same_song(name: str) -> None:
    sound = 0.3 * song(4.0)
    varied = VARIANTS[name](sound)
    assert varied.dtype == np.float32
    assert np.isfinite(varied).all()
    assert len(varied) == pytest.approx(len(sound), abs=2500)


def clustered_rows(spread: float, *, artists: int = 6, songs: int = 4) -> tuple[list[Row], list[str]]:
    """Three genres as clouds of evidence; artists are smaller clouds within."""
    choose = np.random.default_rng(0)
    labels = ["one", "two", "three"]
    rows = []
    for label in labels:
        centre = choose.standard_normal(TRUNK_OUTPUT_SIZE)
        for artist in range(artists):
            own = centre + spread * choose.standard_normal(TRUNK_OUTPUT_SIZE)
            for number in range(songs):
                name = f"{label}{artist}-{number}"
                example = corpus.Example(name, label, f"{label}{artist}", corpus.FOLDER, "train", Path(name))
                trunk_output = (own + 0.3 * choose.standard_normal(TRUNK_OUTPUT_SIZE)).astype(np.float32)
                rows += [Row(example, variant, trunk_output, 10) for variant in ("as is", "8 kHz sampling")]
    return rows, labels


def test_cross_validation_never_meets_the_artist_it_judges() -> None:
    """Where the artist tells everything and the genre nothing, only a leak could be right more than by chance."""
    rows, labels = clustered_rows(spread=30.0)
    table = recipe.tabulate(rows, labels)
    predicted = recipe.cross_predict(table, labels)
    assert predicted is not None
    right = predicted.scores[predicted.held].argmax(axis=1) == table.rows.labels[predicted.held]
    assert right.mean() < 0.75


def test_probabilities_are_calibrated_on_songs_not_trained_on() -> None:
    rows, labels = clustered_rows(spread=2.5, artists=12)
    table = recipe.tabulate(rows, labels)
    predicted = recipe.cross_predict(table, labels)
    assert predicted is not None
    head, least = recipe.calibrate(recipe.fit_head(table, labels, np.ones(len(rows), bool)), table, predicted)
    factor = recipe.temperature(predicted.scores[predicted.held], table.rows.labels[predicted.held])
    from ml.models.logit import softmax

    shares = softmax(factor * predicted.scores[predicted.held])
    assert calibration_error(shares, table.rows.labels[predicted.held]) < 0.15
    assert 1 / len(labels) <= least <= 1
    assert np.isfinite(head.by_tags.weights).all()


@pytest.mark.data
def test_no_artist_of_the_test_split_teaches_the_shipped_model(shared: Path) -> None:
    from ml.train.__main__ import build_parser, gather_examples

    learnt = gather_examples(build_parser().parse_args(["--shared", str(shared)]))
    clips = corpus.read_gtzan_clips(shared)
    test = [clip for clip in clips if clip.split == "test"] + corpus.read_taggrams(shared, "test")
    assert not {example.artist for example in learnt} & {example.artist for example in test}
    assert not {example.name for example in learnt} & {example.name for example in test}
    assert {example.split for example in learnt} == {"train", "valid", "excluded"}
    assert len(test) == 138 + 290


def test_the_shipped_card_tells_what_taught_it() -> None:
    from ml.models.card import GENRE_WEIGHTS

    card = load_card(GENRE_WEIGHTS)
    assert json.dumps(card.data)
    assert card.data["gtzan taggrams"] == 443
