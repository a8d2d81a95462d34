"""The evaluation, from audio files to the page, on a small generated collection; and the shipped page is current."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.evaluate import plots
from ml.evaluate.__main__ import build_parser, main
from ml.evaluate.accuracy import mood_network, noises
from ml.models.card import GENRE_WEIGHTS, hash_file, load_card
from ml.paths import WEIGHT_FOLDER
from ml.train.metrics import Predictions
from tests.ml.evaluate.collection import LABELS, make_sample, make_shared, make_weights
from tests.sources import ROOT

KEYS = (
    *(f"genre.fault_filtered.{key}" for key in ("accuracy", "low", "high", "n", "macro_f1")),
    "genre.ece",
    "genre.end_to_end.accuracy",
    "genre.confident.speech.rate",
    "genre.confident.noise_and_tones.rate",
    "genre.confident.other_style.rate",
    "genre.confident.accuracy_when_confident.accuracy",
    "genre.random_split.recipe.random.accuracy",
    "genre.random_split.segments.segment_wise.accuracy",
    "genre.emotify.mean_recall",
    "genre.robustness.MP3 at 64 kbit/s.all.same",
    *(f"{prefix}tempo.{key}" for prefix in ("", "librosa.") for key in ("accuracy1", "accuracy2", "n")),
    *(f"{prefix}key.{key}" for prefix in ("", "librosa.") for key in ("accuracy", "n")),
    "tempo.without_classical.accuracy1",
    "tempo.classical.accuracy1",
    "tempo.cross_validated.accuracy1",
    "key.cross_validated.accuracy",
    *(f"mood.{method}.accuracy" for method in ("whole", "middle", "genre_left_out", "picture")),
    *(f"mood.whole.{key}" for key in ("r.value", "r.low", "agreed.accuracy", "agreed.n", "low", "n")),
    "model.sha256",
    "data.clips",
)


def at(figures: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        figures = figures[part]
    return figures


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small collection and an untrained model; the mood networks are trained for two epochs only."""
    folder = tmp_path_factory.mktemp("evaluate")
    make_shared(folder / "shared")
    make_weights(folder / "tiny.keras")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mood_network, "EPOCHS", 2)
        yield folder


def run(tiny: Path, *arguments: str) -> int:
    places = ("--shared", tiny / "shared", "--weights", tiny / "tiny.keras", "--cache", tiny / "cache")
    return main([*map(str, places), "--output", str(tiny / "out"), *arguments])


@pytest.mark.parametrize(("split", "songs"), [("test", (6, 3)), ("valid", (15, 6))])
def test_one_run_measures_everything(
    tiny: Path, split: str, songs: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tiny, "--json", "--split", split) == 0
    printed = capsys.readouterr()
    figures = json.loads(printed.out)
    for key in KEYS:
        assert isinstance(at(figures, key), int | float | str), key
    genre = figures["genre"]
    assert (genre["fault_filtered"]["n"], genre["end_to_end"]["n"]) == songs
    assert ("test" in genre["robustness"]["+6 dB"]) == (split == "test")
    assert figures["tempo"]["n"] == figures["key"]["n"] == 6
    assert figures["tempo"]["accuracy2"] > 0.5
    assert figures["model"]["sha256"] == load_card(tiny / "tiny.keras").sha256["tiny.keras"]
    page = (tiny / "out" / "accuracy.md").read_text(encoding="utf-8")
    assert f"python -m ml.evaluate --split {split}" in page
    assert ("rehearsal" in page) == (split == "valid")
    pictures = re.findall(r"\]\(images/(.+?)\)", page)
    assert len(pictures) == 4
    assert all((tiny / "out" / "images" / name).stat().st_size for name in pictures)


def test_split_valid_reads_no_test_clip(tiny: Path) -> None:
    for clip in (tiny / "shared" / "gtzan" / "clips").glob("*/*.00005.wav"):
        clip.write_bytes(b"not audio")
    assert run(tiny, "--split", "valid") == 0


def test_missing_data_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--shared", str(tmp_path), "--split", "valid"]) == 2
    printed = capsys.readouterr()
    assert "nothing to learn from" in printed.err
    assert printed.out == ""


def test_split_test_is_the_default() -> None:
    assert build_parser().parse_args([]).split == "test"


def prediction(seed: int) -> Predictions:
    random = np.random.default_rng(seed)
    return Predictions(LABELS, random.integers(3, size=40), random.dirichlet(np.ones(3), 40))


def test_plots_of_the_same_figures_are_identical_files(tmp_path: Path) -> None:
    def draw(folder: str) -> dict[str, str]:
        return plots.draw_genre(tmp_path / folder, "a command", prediction(0), prediction(1))

    names = draw("a")
    assert names == draw("b")
    for name in names.values():
        first, second = ((tmp_path / folder / "images" / name).read_bytes() for folder in "ab")
        assert first == second
        assert b"<svg" in first and b"dc:date" not in first


def test_generated_noises_are_reproducible_and_audible() -> None:
    first, second = noises.make(), noises.make()
    assert len(first) > 20
    for name, sound in first.items():
        np.testing.assert_array_equal(sound, second[name])
        assert np.isfinite(sound).all() and 0.29 < np.abs(sound).max() <= 0.301


def test_accuracy_page_measures_the_shipped_weights() -> None:
    """After a change of weights run `python -m ml.evaluate` and commit the page."""
    page = (ROOT / "docs/accuracy.md").read_text(encoding="utf-8")
    hashes = load_card(GENRE_WEIGHTS).sha256
    hashes |= {name: hash_file(WEIGHT_FOLDER / name) for name in ("tempo.json", "key.json", "mood.npz")}
    stale = [name for name, digest in hashes.items() if f"| `weight/{name}` | `{digest}` |" not in page]
    assert not stale, f"docs/accuracy.md measures other weights than {stale}"
    pictures = re.findall(r"\]\((images/.+?)\)", page)
    assert [name for name in pictures if not (ROOT / "docs" / name).is_file()] == []


@pytest.mark.data
def test_shipped_model_on_a_sample_of_the_research_data(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every figure is measured, on a few songs outside the test split."""
    sample = make_sample(shared, tmp_path / "sample")
    places = ("--shared", sample, "--cache", tmp_path / "cache", "--output", tmp_path)
    assert main([*map(str, places), "--split", "valid", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    for key in KEYS:
        assert isinstance(at(figures, key), int | float | str), key
    assert len(figures["genre"]["labels"]) == 10
    assert figures["genre"]["fault_filtered"]["accuracy"] > 0.5
    assert figures["genre"]["confident"]["speech"]["rate"] < 0.2
