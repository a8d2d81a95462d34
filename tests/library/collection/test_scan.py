"""What a scan does with each file, given what the library has: no analysis is needed to test it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from library.catalogue.database import Catalogue
from library.catalogue.failures import read_failures
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors, path_hash_of
from library.collection.files import File, walk
from library.collection.records import TrackRecord
from library.collection.scan import FolderScan
from library.collection.track_writer import Versions
from ml.report.errors import DeniedError, ReadError
from tests.fakes import a_report

VERSIONS = Versions("features 1", "vectors 1", 600.0, "0" * 64)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.wav").write_bytes(name.encode() * 10)
    return folder


@pytest.fixture
def scan(catalogue: Catalogue, music: Path) -> Callable[..., FolderScan]:
    """`scan()` scans the folder, and stores an analysis for every file that needs one."""

    def run(versions: Versions = VERSIONS, **options: bool) -> FolderScan:
        folder_scan = FolderScan(catalogue, versions, reclassify=lambda report, _: report, **options)
        for file in list(folder_scan.files_to_analyse(walk([music]))):
            folder_scan.store(file, record_of(file))
        folder_scan.clear_resolved_failures([music])
        folder_scan.remove_missing([music])
        return folder_scan

    return run


def record_of(file: File) -> TrackRecord:
    report = a_report(title=file.path.stem).to_dict()
    content = file.hash_content() or ""
    return TrackRecord(file, content, "An album", report, b"c", b"t", b"h", b"s", VERSIONS.vectors_version)


def counts(scan: FolderScan) -> dict[str, int]:
    return {name: number for name, number in vars(scan.summary).items() if name != "seen" and number}


def titles(catalogue: Catalogue) -> dict[str, str | None]:
    with catalogue.session() as session:
        return {track.path.name: track.title for track in session.scalars(select(Track)) if track.path}


def test_new_files_are_added_and_then_unchanged(catalogue: Catalogue, scan: Callable[..., FolderScan]) -> None:
    assert counts(first := scan()) == {"added": 2} and first.summary.analysed == 2
    assert counts(scan()) == {"unchanged": 2}
    assert titles(catalogue) == {"a.wav": "a", "b.wav": "b"}
    with catalogue.session() as session:
        for table in (TrackReport, TrackVectors, TrackFeatures):
            assert len(session.scalars(select(table)).all()) == 2


def test_a_file_with_other_content_is_changed(music: Path, scan: Callable[..., FolderScan]) -> None:
    scan()
    (music / "a.wav").write_bytes(b"other")
    assert counts(scan()) == {"changed": 1, "unchanged": 1}


def test_other_features_are_analysed_again(scan: Callable[..., FolderScan]) -> None:
    scan()
    assert counts(scan(replace(VERSIONS, features_version="features 2"))) == {"changed": 2}


def test_moved_copied_and_touched_files_are_not_analysed(
    catalogue: Catalogue, music: Path, scan: Callable[..., FolderScan]
) -> None:
    scan()
    (music / "a.wav").rename(music / "moved.wav")
    (music / "copy.wav").write_bytes((music / "b.wav").read_bytes())
    os.utime(music / "b.wav", (1, 1))
    assert counts(scan()) == {"moved": 1, "copied": 1, "touched": 1}
    assert titles(catalogue) == {"moved.wav": "a", "b.wav": "b", "copy.wav": "b"}
    with catalogue.session() as session:
        copied = session.scalars(select(Track).where(Track.path == music / "copy.wav")).one()
        assert session.get_one(TrackReport, copied.id).report["title"] == "b"
        assert session.get_one(TrackVectors, copied.id).sound == b"s"


def test_missing_files_are_removed(catalogue: Catalogue, music: Path, scan: Callable[..., FolderScan]) -> None:
    scan()
    (music / "a.wav").unlink()
    assert counts(scan()) == {"unchanged": 1, "missing": 1}
    assert titles(catalogue) == {"b.wav": "b"}


def test_a_failure_deletes_the_results_from_before(
    catalogue: Catalogue, music: Path, scan: Callable[..., FolderScan]
) -> None:
    folder_scan = scan()
    path = music / "a.wav"
    folder_scan.store(File.of(path, path.stat()), ReadError(reason="broken\udc80\0"))
    assert folder_scan.summary.failed == 1
    assert [failure.code for failure in read_failures(catalogue)] == [ReadError.code]
    with catalogue.session() as session:
        assert len(session.scalars(select(TrackReport)).all()) == 1
        assert len(session.scalars(select(TrackVectors)).all()) == 1
    assert counts(scan()) == {"known_failures": 1, "unchanged": 1}
    assert counts(scan(retry_failed=True)) == {"changed": 1, "unchanged": 1}
    assert list(read_failures(catalogue)) == []


def test_files_below_an_unreadable_folder_are_not_missing(
    catalogue: Catalogue, music: Path, scan: Callable[..., FolderScan]
) -> None:
    scan()
    folder_scan = FolderScan(catalogue, VERSIONS, reclassify=lambda report, _: report)
    assert list(folder_scan.files_to_analyse([(music, DeniedError(path=str(music)))])) == []
    folder_scan.remove_missing([music])
    assert counts(folder_scan) == {"failed": 1} and path_hash_of(music) in folder_scan.summary.seen
    assert titles(catalogue) == {"a.wav": "a", "b.wav": "b", "music": None}
    scan()
    assert titles(catalogue) == {"a.wav": "a", "b.wav": "b"}
