"""Playlists of similar tracks, and the track that a person names."""

from __future__ import annotations

from pathlib import Path

import pytest

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track
from library.search.neighbours import Library
from library.search.playlist import NoFilesError, NoTrackError, find, walk
from tests.library.search.test_neighbours import add


def test_each_track_is_nearest_to_the_one_before(catalogue: Catalogue) -> None:
    for angle in (0, 60, 25, 100):
        add(catalogue, f"at {angle}", angle)
    add(catalogue, "without a file", 30, path=None, path_hash=None)
    start = find(catalogue, "at 0")
    tracks = walk(Library.load(catalogue), start, 10)
    assert [track.title for track in tracks] == ["at 0", "at 25", "at 60", "at 100"]


def test_one_file_is_no_playlist(catalogue: Catalogue) -> None:
    add(catalogue, "alone", 0)
    with pytest.raises(NoFilesError):
        walk(Library.load(catalogue), find(catalogue, "alone"), 2)


def test_a_track_is_found_by_id_path_title_or_part(catalogue: Catalogue) -> None:
    first = add(catalogue, "Song of songs", 0)
    exact = add(catalogue, "Song", 30)
    names = {str(exact): exact, str(Path("/music/Song of songs")): first, "Song": exact, "of so": first}
    assert {name: find(catalogue, name).id for name in names} == names
    for name in ("100%", "9" * 30, "\udcff.mp3", "٣"):
        with pytest.raises(NoTrackError):
            find(catalogue, name)


def test_a_title_may_contain_wildcards(catalogue: Catalogue) -> None:
    add(catalogue, "1000", 0)
    track_id = add(catalogue, "the 100% song", 30)
    found: Track = find(catalogue, "100%")
    assert found.id == track_id
