"""Hand-crafted features: equal to librosa's, in files, in windows and in songs computed in pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ml.audio.settings import SAMPLE_RATE
from ml.evaluate.baselines import librosa_series
from ml.features import mel
from ml.features.handcrafted import extraction, rhythm, separation, series
from ml.features.handcrafted.spectrum import Spectrum
from ml.train.classic import datasets
from ml.train.data.feature_tables import FeatureFileError, FeatureTable, read_table, read_tables
from ml.train.extract import main
from ml.train.files import Cache
from tests.ml.music import song, white_noise


@pytest.mark.parametrize(
    "sound", [song(7.3), white_noise(3.0), np.concatenate([song(2.0), np.zeros(30_000, np.float32)])],
    ids=["song", "noise", "song and silence"],
)  # fmt: skip
def test_every_series_equals_librosa(sound: np.ndarray) -> None:
    rows, harmonic, percussive, tempo = librosa_series(sound, SAMPLE_RATE)
    spectrum = Spectrum(sound, SAMPLE_RATE)
    ours = series.measure(spectrum)
    assert ours.shape == rows.shape == (len(series.NAMES), len(spectrum.bins))
    for name, mine, theirs in zip(series.NAMES, ours, rows, strict=True):
        scale = max(float(np.abs(theirs).max()), 1e-6)
        # With 32 bits, the roll-off of a frame or two may differ by one bin.
        close = np.isclose(mine, theirs, rtol=1e-3, atol=2e-3 * scale)
        assert close.mean() > 0.98, name
        assert np.median(np.abs(mine - theirs)) < 1e-4 * scale, name
    for mine, theirs in zip(separation.split(spectrum), (harmonic, percussive), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert rhythm.tempo(rhythm.onset_strength(spectrum.mel_decibels), SAMPLE_RATE) == pytest.approx(tempo)


def test_silence_and_a_very_short_sound_have_finite_features() -> None:
    for sound in (np.zeros(SAMPLE_RATE, np.float32), song(1.0)[:700]):
        assert np.isfinite(extraction.extract(sound, SAMPLE_RATE).row()).all()


def test_a_row_is_mean_and_variance() -> None:
    features = extraction.extract(song(6.0), SAMPLE_RATE)
    row = dict(zip(extraction.NAMES, features.row().tolist(), strict=True))
    centroid = features.rows[series.NAMES.index("centroid")].astype(np.float64)
    assert row["centroid_mean"] == pytest.approx(centroid.mean(), rel=1e-5)
    assert row["centroid_var"] == pytest.approx(centroid.var(), rel=1e-5)
    assert row["tempo"] == features.tempo


def test_windows_cover_the_song_and_differ_between_its_halves() -> None:
    features = extraction.extract(np.concatenate([song(6.0), white_noise(5.0)]), SAMPLE_RATE)
    windows = features.windows(3.0)
    assert windows.shape == (4, len(extraction.NAMES))
    flatness = windows[:, extraction.NAMES.index("flatness_mean")]
    assert flatness[-1] > 10 * flatness[0]


def test_a_long_song_is_computed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = song(20.0)
    whole = extraction.extract(sound, SAMPLE_RATE).row()
    monkeypatch.setattr(extraction, "PIECE_SECONDS", 6.0)
    pieces = extraction.extract(sound, SAMPLE_RATE)
    assert pieces.samples == len(sound)
    means = [i for i, name in enumerate(extraction.NAMES) if name.startswith("mfcc") and name.endswith("mean")]
    np.testing.assert_allclose(pieces.row()[means], whole[means], rtol=0.05, atol=0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for genre in ("느린 노래", "storm"):
        (tmp_path / "data" / genre).mkdir(parents=True)
        for number in range(2):
            sound = song(4.0, seed=number) if genre != "storm" else white_noise(4.0, seed=number)
            soundfile.write(tmp_path / "data" / genre / f"{genre}{number}.wav", sound, SAMPLE_RATE)
    (tmp_path / "data" / "storm" / "notes.mp3").write_text("not a song " * 20)
    return tmp_path / "data"


def test_the_features_of_a_folder_train_a_scikit_learn_model(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    output = tmp_path / "out" / "features.npz"
    assert main([str(folder), "-o", str(output), "--cache", str(tmp_path / "cache")]) == 0
    assert "notes.mp3" in capsys.readouterr().err
    with np.load(output) as arrays:
        X, y = arrays["X"], arrays["y"]
    assert X.shape == (4, len(extraction.NAMES))
    assert make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y).score(X, y) == 1.0


def test_a_file_of_windows_has_their_songs(folder: Path, tmp_path: Path) -> None:
    output, cache = tmp_path / "w.npz", str(tmp_path / "cache")
    assert main([str(folder), "--windows", "-o", str(output), "--cache", cache]) == 0
    table = read_table(output)
    assert len(table.songs) == 8 and len(set(table.songs)) == 4


def test_training_and_serving_use_the_same_features(folder: Path, tmp_path: Path) -> None:
    from ml.audio.loading import load

    path = folder / "storm" / "storm0.wav"
    cached = datasets.handcrafted_rows(path, Cache(tmp_path / "cache"))
    features = extraction.extract(mel.level(load(path).samples), SAMPLE_RATE)
    np.testing.assert_array_equal(cached[0], features.row())


def test_loudness_does_not_change_the_features(folder: Path) -> None:
    sound = 0.3 * song(4.0)
    rows = [extraction.extract(mel.level(s), SAMPLE_RATE).row() for s in (sound, sound / 8)]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-2, atol=1e-3)


def test_a_folder_without_songs_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "-o", str(tmp_path / "f.npz"), "--cache", str(tmp_path / "c")]) == 2
    assert "sub-folder" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "filename,label,x\nblues.00000.wav,blues,much\n"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(FeatureFileError):
        read_table(path)


def test_tables_of_pieces_cannot_be_joined(tmp_path: Path) -> None:
    table = FeatureTable(np.zeros((2, 1), np.float32), ("x",), np.array(["a", "a"]), np.array(["s", "s"]))
    table.save(tmp_path / "pieces.npz")
    with pytest.raises(FeatureFileError):
        read_tables([tmp_path / "pieces.npz", tmp_path / "pieces.npz"])


@pytest.mark.data
def test_the_published_tables_are_feature_files(shared: Path) -> None:
    kaggle, chroma, pieces = (
        read_table(shared / "gtzan" / name)
        for name in ("features_30_sec.csv", "features_chroma_30_sec.tsv", "features_10_sec.tsv")
    )
    assert kaggle.features.shape == (1000, 57) and chroma.features.shape == (990, 63)
    assert len(pieces.songs) == 2970 and set(pieces.songs) == set(chroma.songs) < set(kaggle.songs)
    both = read_tables([shared / "gtzan/features_30_sec.csv", shared / "gtzan/features_chroma_30_sec.tsv"])
    assert both.features.shape == (990, 120)


@pytest.mark.data
@pytest.mark.parametrize("table", ["features_30_sec.csv", "features_chroma_30_sec.tsv"])
def test_features_agree_with_the_published_tables(shared: Path, tmp_path: Path, table: str) -> None:
    from ml.evaluate.handcrafted import compare

    clips, columns = compare(shared, table, Cache(tmp_path / "cache"))
    assert clips >= 10
    assert [c.column for c in columns if c.correlation < 0.99 and c.column != "tempo"] == []
    assert [c.column for c in columns if c.within < 0.6 and not c.column.endswith(("harmony_mean",))] == []
