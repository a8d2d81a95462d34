"""Training on a user's own folder, from generated songs to a weight file that the product loads."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from jobs.queue.feedback import TRUNK_OUTPUT_FILE, Feedback
from jobs.queue.song_files.local import LocalFiles
from jobs.upload_analysis import UploadTask, analyse_upload
from ml.audio.settings import DEFAULT_LIMITS, SAMPLE_RATE
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.models.logit import softmax
from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.pipeline import load
from ml.train.__main__ import build_parser, main
from ml.train.data import augmentation, corpus
from ml.train.data.augmentation import MP3_BITS_PER_SECOND, ORIGINAL, VARIANTS
from ml.train.genre import recipe, training
from ml.train.genre.trunk_outputs import Row
from ml.train.metrics import calibration_error
from tests.ml.music import song, white_noise


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two generated genres with four songs each, and a file that is not audio."""
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


def test_training_on_a_folder_gives_a_model_of_its_genres(
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


def test_a_second_run_reuses_the_cache(folder: Path, tmp_path: Path) -> None:
    output, cache = tmp_path / "a.keras", tmp_path / "cache"
    arguments = ["--data", str(folder), "--output", str(output), "--cache", str(cache)]
    assert main(arguments) == 0
    written = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == written


def test_feedback_is_added_to_the_training_rows(folder: Path, tmp_path: Path) -> None:
    """An answer is a file in the web's home folder, as the analysis and the page leave it."""
    song = UploadTask("s" * 22, LocalFiles(tmp_path), "song.wav", "song.wav")
    (tmp_path / song.id).mkdir()
    soundfile.write(tmp_path / song.id / "song.wav", white_noise(6.0, seed=9), SAMPLE_RATE)
    with load() as pipeline:
        analyse_upload(pipeline, song, lambda stage: None, limits=DEFAULT_LIMITS)
    trunk_output = song.files.read(song.id, TRUNK_OUTPUT_FILE)
    assert Feedback(tmp_path).store(song.id, trunk_output, "storm")
    output, cache = tmp_path / "own.keras", tmp_path / "cache"
    arguments = ["--data", str(folder), "--output", str(output), "--cache", str(cache)]
    assert main([*arguments, "--feedback", str(tmp_path / "feedback")]) == 0
    assert load_card(output).data == {"folder audio": 8, "listeners audio": 1}


@pytest.mark.parametrize("genres", [[], ["only"]])
def test_fewer_than_two_genres_are_refused(
    tmp_path: Path, genres: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for genre in genres:
        (tmp_path / genre).mkdir()
        soundfile.write(tmp_path / genre / "a.wav", song(2.0), SAMPLE_RATE)
    assert main(["--data", str(tmp_path), "--output", str(tmp_path / "a.keras")]) == 2
    assert "sub-folder" in capsys.readouterr().err
    assert not (tmp_path / "a.keras").exists()


def test_the_mp3_variant_has_the_bit_rate_in_its_name() -> None:
    buffer = io.BytesIO()
    soundfile.write(
        buffer, white_noise(10.0), augmentation.MP3_RATE, format="MP3", bitrate_mode="CONSTANT",
        compression_level=augmentation.MP3_LEVEL,
    )  # fmt: skip
    seconds = 10.0 * SAMPLE_RATE / augmentation.MP3_RATE
    assert buffer.tell() * 8 / seconds == pytest.approx(MP3_BITS_PER_SECOND, rel=0.05)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_has_the_length_of_the_song(name: str) -> None:
    sound = 0.3 * song(4.0)
    varied = VARIANTS[name](sound)
    assert varied.dtype == np.float32
    assert np.isfinite(varied).all()
    assert len(varied) == pytest.approx(len(sound), abs=2500)


def clustered_rows(spread: float, *, artists: int = 6, songs: int = 4) -> tuple[list[Row], list[str]]:
    """Three genres as clusters of trunk outputs; artists are smaller clusters within."""
    random = np.random.default_rng(0)
    labels = ["one", "two", "three"]
    rows = []
    for label in labels:
        centre = random.standard_normal(TRUNK_OUTPUT_SIZE)
        for artist in range(artists):
            own = centre + spread * random.standard_normal(TRUNK_OUTPUT_SIZE)
            for number in range(songs):
                name = f"{label}{artist}-{number}"
                example = corpus.Example(name, label, f"{label}{artist}", corpus.FOLDER, "train", Path(name))
                trunk_output = (own + 0.3 * random.standard_normal(TRUNK_OUTPUT_SIZE)).astype(np.float32)
                rows += [Row(example, variant, trunk_output, 10) for variant in (ORIGINAL, "8 kHz sampling")]
    return rows, labels


def test_cross_validation_keeps_artists_apart() -> None:
    """Artists differ much more than genres here, so only a leak of the artist gives a high accuracy."""
    rows, labels = clustered_rows(spread=30.0)
    table = recipe.tabulate(rows, labels)
    predicted = recipe.cross_predict(table, labels)
    assert predicted is not None
    right = predicted.scores[predicted.scored].argmax(axis=1) == table.rows.labels[predicted.scored]
    assert right.mean() < 0.75


def test_probabilities_are_calibrated_on_held_out_songs() -> None:
    rows, labels = clustered_rows(spread=2.5, artists=12)
    table = recipe.tabulate(rows, labels)
    predicted = recipe.cross_predict(table, labels)
    assert predicted is not None
    head, least = recipe.calibrate(recipe.fit_head(table, labels, np.ones(len(rows), bool)), table, predicted)
    factor = recipe.temperature(predicted.scores[predicted.scored], table.rows.labels[predicted.scored])
    shares = softmax(factor * predicted.scores[predicted.scored])
    assert calibration_error(shares, table.rows.labels[predicted.scored]) < 0.15
    assert 1 / len(labels) <= least <= 1
    assert np.isfinite(head.by_tags.weights).all()


@pytest.mark.data
def test_the_shipped_model_is_trained_without_artists_of_the_test_split(shared: Path) -> None:
    training_examples = training.read_examples(build_parser().parse_args(["--shared", str(shared)]))
    clips = corpus.read_gtzan_clips(shared)
    test = [clip for clip in clips if clip.split == "test"] + corpus.read_taggrams(shared, "test")
    assert not {example.artist for example in training_examples} & {example.artist for example in test}
    assert not {example.name for example in training_examples} & {example.name for example in test}
    assert {example.split for example in training_examples} == {"train", "valid", "excluded"}
    assert len(test) == 138 + 290


def test_the_shipped_card_names_the_training_data() -> None:
    card = load_card(GENRE_WEIGHTS)
    assert json.dumps(card.data)
    assert card.data["gtzan taggrams"] == 443
