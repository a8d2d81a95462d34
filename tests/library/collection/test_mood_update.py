"""Moods of stored tracks follow the mood model without a second analysis; livelier and calmer neighbours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from jobs.folder_scan import ScanOptions, fill_library
from library.catalogue.database import Catalogue
from library.catalogue.filters import Filter
from library.catalogue.tables import Note, Track, TrackFeatures, TrackReport
from library.collection import mood_update, reference
from library.collection.records import write_report
from library.collection.tag_changes import tags_to_write
from library.search.neighbours import Library
from ml.audio.settings import DEFAULT_LIMITS
from ml.features.motion import MEASURES
from ml.features.musicality import Musicality
from ml.models.card import Card
from ml.models.mood import INPUTS, MoodModel
from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.report.schema import Mood, Report
from ml.similarity import reference as catalogue_file
from ml.similarity import timbre
from tests.fakes import FakePipeline, a_report
from tests.library.collection.test_reference import entries
from tests.library.search.test_neighbours import add

NEVER_MOVED = tuple(0.0 for _ in MEASURES)


def with_arousal(catalogue: Catalogue, name: str, angle: float, arousal: float | None) -> int:
    track_id = add(catalogue, name, angle)
    mood = None if arousal is None else Mood("exciting" if arousal > 0.5 else "calm", arousal)
    with catalogue.session() as session:
        track = session.get_one(Track, track_id)
        write_report(session, track, replace(a_report(title=name), mood=mood))
        session.commit()
    return track_id


def names(library: Library, track_id: int, **options: object) -> list[str | None]:
    song = library.song(track_id)
    assert song is not None
    return [match.track.title for match in library.nearest(song, "sound", 9, **options)]  # type: ignore[arg-type]


@pytest.fixture
def library(catalogue: Catalogue) -> Library:
    """The query song first; each of the others is further away than the one before."""
    arousals = {"song": 0.5, "like it": 0.55, "calm": 0.2, "calmest": 0.05, "lively": 0.7, "wild": 0.95}
    for number, (name, arousal) in enumerate(arousals.items()):
        with_arousal(catalogue, name, 20.0 * number, arousal)
    with_arousal(catalogue, "unknown", 150, None)
    return Library.load(catalogue)


def test_neighbours_can_be_livelier_or_calmer(library: Library) -> None:
    song = int(library.store.ids[0])
    assert names(library, song, feel="livelier") == ["lively", "wild"]
    assert names(library, song, feel="calmer") == ["calm", "calmest"]
    assert len(names(library, song)) == 6


def test_feel_combines_with_a_filter(library: Library) -> None:
    song = int(library.store.ids[0])
    assert names(library, song, feel="livelier", only=Filter(most_arousal=0.8)) == ["lively"]
    assert names(library, song, feel="livelier", only=Filter(least_arousal=0.9)) == ["wild"]
    assert names(library, song, feel="calmer", only=Filter(most_arousal=0.1)) == ["calmest"]
    assert names(library, song, feel="calmer", only=Filter(mood="exciting")) == []


def test_a_song_without_a_mood_has_no_livelier_one(library: Library) -> None:
    assert names(library, int(library.store.ids[-1]), feel="livelier") == []


def constant_model(label: str, bias: float, folder: Path) -> Path:
    """A model that always predicts `label`, and an arousal given by `bias`."""
    path = folder / f"{label}.npz"
    nothing = np.zeros((INPUTS, 2), np.float32)
    card = Card(label, "1", (label, "other"), {}, {}, {}, "ours")
    scores = np.array([1, 0], np.float32)
    model = MoodModel(card, "", nothing, scores, nothing[:, 0], np.float32(bias))
    model.save(path)
    card.save(path)
    return path


def add_stored(catalogue: Catalogue, title: str, *, motion: tuple[float, ...] = NEVER_MOVED) -> int:
    with catalogue.session() as session:
        track = Track()
        write_report(session, track, replace(a_report(title=title), motion=motion))
        nothing = np.zeros(TRUNK_OUTPUT_SIZE, np.float32), np.zeros(timbre.TIMBRE_SIZE, np.float32)
        packed = timbre.pack(timbre.SoundFeatures(*nothing, Musicality(0.01, 2.0, 0.8)))
        session.add(TrackFeatures(track_id=track.id, chromagram=b"", trunk_output=packed))
        session.commit()
        return track.id


def test_another_model_predicts_every_mood_again(catalogue: Catalogue, tmp_path: Path) -> None:
    for number in range(3):
        add_stored(catalogue, str(number))
    sleepy = constant_model("sleepy", -3.0, tmp_path)
    assert mood_update.update_moods(catalogue, sleepy) == 3
    assert mood_update.update_moods(catalogue, sleepy) == 0
    with catalogue.session() as session:
        for track in session.scalars(select(Track)):
            report = Report.from_dict(session.get_one(TrackReport, track.id).report)
            assert report.mood == Mood("sleepy", pytest.approx(0.0474, abs=1e-4))  # type: ignore[arg-type]
            assert (track.mood, track.arousal) == ("sleepy", report.mood.arousal)
            assert tags_to_write(track, confident=True)["mood"] == ["sleepy"]
    assert mood_update.update_moods(catalogue, constant_model("wild", 3.0, tmp_path)) == 3


def test_a_folder_scan_updates_moods_first(catalogue: Catalogue, tmp_path: Path) -> None:
    """The next `preprocess.py` brings the moods up to date, without any file to analyse."""
    track_id = add_stored(catalogue, "stored")
    (tmp_path / "music").mkdir()
    options = ScanOptions(
        [tmp_path / "music"], 1, DEFAULT_LIMITS, moods=constant_model("wild", 3.0, tmp_path), load_pipeline=FakePipeline
    )
    summary = fill_library(catalogue, options, lambda done, total, name: None)
    assert summary.analysed == 0
    with catalogue.session() as session:
        track = session.get_one(Track, track_id)
    assert (track.mood, track.arousal) == ("wild", pytest.approx(0.9526, abs=1e-4))


def test_reports_without_motion_keep_their_mood(catalogue: Catalogue, tmp_path: Path) -> None:
    add_stored(catalogue, "old", motion=())
    assert mood_update.update_moods(catalogue, constant_model("wild", 3.0, tmp_path)) == 0
    with catalogue.session() as session:
        assert session.scalars(select(Track.mood)).all() == ["calm"]


def test_moods_of_a_new_reference_are_predicted_as_well(catalogue: Catalogue, tmp_path: Path) -> None:
    """It was installed with the moods of the shipped model."""
    wild = constant_model("wild", 3.0, tmp_path)
    assert mood_update.update_moods(catalogue, wild) == 0
    add_stored(catalogue, "reference")
    with catalogue.session() as session:
        session.add(Note(name="reference", value="another one"))
        session.commit()
    assert mood_update.update_moods(catalogue, wild) == 1


def test_the_reference_is_installed_with_its_moods(catalogue: Catalogue, tmp_path: Path) -> None:
    """With all that another model needs to predict them again."""
    made = [
        replace(entry, report=replace(entry.report, motion=NEVER_MOVED, mood=Mood("exciting", 0.8)))
        for entry in entries()
    ]
    catalogue_file.write(made, "ear-1", tmp_path / "reference.npz")
    reference.install(catalogue, tmp_path / "reference.npz")
    with catalogue.session() as session:
        found = session.execute(select(Track.mood, Track.arousal)).all()
    assert [tuple(row) for row in found] == [("exciting", 0.8)] * len(made)
    assert mood_update.update_moods(catalogue, constant_model("sleepy", -3.0, tmp_path)) == len(made)


def test_many_tracks_take_several_batches(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mood_update, "_BATCH", 2)
    for number in range(5):
        add_stored(catalogue, str(number))
    assert mood_update.update_moods(catalogue, constant_model("wild", 3.0, tmp_path)) == 5
    with catalogue.session() as session:
        assert set(session.scalars(select(Track.mood))) == {"wild"}
