"""The reference comes back from its file, is laid in once, and takes a person's own files as its sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from library import harmony, reference, sound
from library.catalogue import Catalogue, Track
from library.digest import describe
from library.neighbours import Library
from library.reference import Entry
from ml.chroma import Chromagram
from ml.genre import EVIDENCE_SIZE
from ml.musical import Musicality
from ml.settings import MEL_BANDS
from tests.fakes import a_report


def entries() -> list[Entry]:
    random = np.random.default_rng(0)
    made = []
    for number in range(4):
        chromagram = harmony.pack(Chromagram.of_chords(*random.random((2, 30 + number, 12), np.float32)))
        evidence = sound.pack(
            sound.Kept(
                random.standard_normal(EVIDENCE_SIZE, np.float32),
                sound.timbre(random.random((40, MEL_BANDS), np.float32)),
                Musicality(0.01, 2.0, 0.8),
            )
        )
        vectors = describe(chromagram, evidence)[:2]
        report = a_report(title=f"Song {number}", artist=f"Band {number}")
        made.append(Entry(f"gtzan:blues.0000{number}", "clip", report, chromagram, evidence, *vectors))
    return made


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    reference.write(entries(), "ear-1", tmp_path / "reference.npz")
    heard_with, found = reference.read(tmp_path / "reference.npz")
    assert heard_with == "ear-1"
    assert list(found) == entries()


def test_it_is_laid_in_once(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "reference.npz"
    reference.write(entries(), "ear-1", path)
    assert reference.install(catalogue, path) == 4
    assert reference.install(catalogue, path) == 0
    reference.write(entries()[:3], "ear-2", path)
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
