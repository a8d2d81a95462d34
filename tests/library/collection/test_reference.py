"""The reference catalogue is read from its file and installed once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track
from library.collection import reference
from library.search.neighbours import Library
from ml.features.chroma import Chromagram
from ml.features.mel import MEL_BANDS
from ml.features.musicality import Musicality
from ml.models.card import load_card
from ml.models.genre import GENRE_WEIGHTS
from ml.models.trunk import BY_TAGS, EMBEDDING, TRUNK_OUTPUT_SIZE
from ml.similarity import harmony, timbre
from ml.similarity import reference as catalogue_file
from ml.similarity.reference import Entry
from ml.similarity.vectors import features_version_of, make_vectors
from ml.train.reference import with_tables
from ml.train.similarity import published
from tests.fakes import a_report


def entries() -> list[Entry]:
    random = np.random.default_rng(0)
    made = []
    for number in range(4):
        chromagram = harmony.pack(Chromagram.of_chords(*random.random((2, 30 + number, 12), np.float32)))
        trunk_output = timbre.pack(
            timbre.SoundFeatures(
                random.standard_normal(TRUNK_OUTPUT_SIZE, np.float32),
                timbre.measure(random.random((40, MEL_BANDS), np.float32)),
                Musicality(0.01, 2.0, 0.8),
            )
        )
        vectors = make_vectors(chromagram, trunk_output)
        report = a_report(title=f"Song {number}", artist=f"Band {number}")
        made.append(Entry(f"gtzan:blues.0000{number}", "clip", report, chromagram, trunk_output, *vectors))
    return made


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    catalogue_file.write(entries(), "ear-1", tmp_path / "reference.npz")
    features_version, found = catalogue_file.read(tmp_path / "reference.npz")
    assert features_version == "ear-1"
    assert list(found) == entries()


def test_the_reference_is_installed_once(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "reference.npz"
    catalogue_file.write(entries(), "ear-1", path)
    assert reference.install(catalogue, path) == 4
    assert reference.install(catalogue, path) == 0
    catalogue_file.write(entries()[:3], "ear-2", path)
    assert reference.install(catalogue, path) == 3
    library = Library.load(catalogue)
    assert len(library) == 3
    with catalogue.session() as session:
        track = session.scalars(select(Track).where(Track.title == "Song 0")).one()
    assert (track.reference, track.source, track.artist) == ("gtzan:blues.00000", "clip", "Band 0")
    song = library.song(track.id)
    assert song is not None and len(library.nearest(song, "harmony")) == 2


def test_without_a_reference_nothing_happens(catalogue: Catalogue, tmp_path: Path) -> None:
    assert reference.install(catalogue, tmp_path / "none.npz") == 0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("genres/blues/blues.00042.wav", "gtzan:blues.00042"),
        ("genres/blues/jazz.00042.wav", None),
        ("blues/blues.wav", None),
    ],
)
def test_a_file_of_the_collection_is_recognised(path: str, expected: str | None) -> None:
    assert reference.reference_of(Path(path)) == expected


def test_published_chroma_replaces_the_harmony_of_excerpts_only() -> None:
    random = np.random.default_rng(1)
    made = [
        replace(entry, report=replace(entry.report, duration_seconds=seconds))
        for entry, seconds in zip(entries(), (30.0, 30.0, 2.5, 2.5), strict=True)
    ]
    names = [entry.reference.removeprefix("gtzan:") for entry in made]
    chroma = {name: random.uniform(0.2, 0.6, 24).astype(np.float32) for name in names[:3]}
    drawn = with_tables(made, chroma)
    assert [before == after for before, after in zip(made, drawn, strict=True)] == [True, True, False, True]
    assert drawn[2].source == "clip, chroma table of the whole track"
    vector = np.frombuffer(drawn[2].harmony, "<f4")
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert vector @ np.frombuffer(made[2].harmony, "<f4") > 0.5


def test_the_shipped_reference_is_of_the_shipped_projection() -> None:
    features_version, found = catalogue_file.read()
    first = next(found)
    assert features_version == features_version_of(load_card(GENRE_WEIGHTS))
    assert first.sound == make_vectors(first.chromagram, first.trunk_output)[1]


def test_logits_lead_one_to_expect_the_embedding() -> None:
    random = np.random.default_rng(2)
    windows = random.standard_normal((500, TRUNK_OUTPUT_SIZE), np.float32)
    windows[:, EMBEDDING] = windows[:, published.LOGITS] @ random.standard_normal((50, 200), np.float32)
    imputed = published.EmbeddingFromTags([windows[:400]]).trunk_output(windows[450, BY_TAGS])
    np.testing.assert_array_equal(imputed[BY_TAGS], windows[450, BY_TAGS])
    assert np.corrcoef(imputed[EMBEDDING], windows[450, EMBEDDING])[0, 1] > 0.98


def test_what_is_said_of_published_chroma_has_no_key() -> None:
    chroma = np.random.default_rng(3).uniform(0.2, 0.6, (2, 12)).astype(np.float32)
    for say in (published.invariants, published.magnitudes):
        one, other = say(chroma.ravel()), say(np.roll(chroma, 5, axis=1).ravel())
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
