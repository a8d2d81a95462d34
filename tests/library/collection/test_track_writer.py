"""The row of a file: added, changed or failed, and the results that belong to it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track, TrackReport
from library.collection.files import File
from library.collection.records import TrackRecord
from library.collection.reference import ReferenceLinks
from library.collection.track_writer import TrackWriter, Versions, find_track
from ml.report.errors import ReadError, SoriError
from tests.fakes import a_report

VERSIONS = Versions("features 1", "vectors 1", 600.0, "0" * 64)
FILE = File(Path("/music/\udcff.wav"), 10, 20)


def store(catalogue: Catalogue, result: TrackRecord | SoriError) -> str:
    with catalogue.transaction() as session:
        return TrackWriter(VERSIONS, ReferenceLinks(session)).store(session, FILE, result)


def record(title: str = "a") -> TrackRecord:
    report = a_report(title=title).to_dict()
    return TrackRecord(FILE, "0" * 64, "An album", report, b"c", b"t", b"h", b"s", VERSIONS.vectors_version)


def test_a_file_has_one_row_whatever_its_results_are(catalogue: Catalogue) -> None:
    assert [store(catalogue, result) for result in (record(), record("b"), ReadError(reason="\udcff\0"))] == [
        "added",
        "changed",
        "failed",
    ]
    with catalogue.session() as session:
        (track,) = session.scalars(select(Track))
        assert track.failure_code == ReadError.code and session.scalars(select(TrackReport)).all() == []
        assert find_track(session, FILE.path) is track and find_track(session, Path("/music/b.wav")) is None
    assert store(catalogue, record("c")) in ("added", "changed")
    with catalogue.session() as session:
        (track,) = session.scalars(select(Track))
        assert (track.failure_code, track.title, track.features_version) == (None, "c", "features 1")


def test_versions_say_whether_stored_features_serve() -> None:
    with_words = Versions("features 1", "vectors 1", 600.0, "0" * 64, "+words-1")
    assert VERSIONS.is_current("features 1") and VERSIONS.is_current("features 1+words-1")
    assert with_words.is_current(with_words.stored) and not with_words.is_current("features 1")
    assert not VERSIONS.is_current(None) and not VERSIONS.is_current("features 2")
