"""Tags are written in the version of ID3 that the file had, and all others stay."""

from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from mutagen import id3

from library.collection.tag_files import NAMES, Tags, read_tags, set_tags
from tests.library.collection.test_tag_changes import WRITTEN


def write_tags(path: Path, tags: Tags) -> None:
    """All four; those that `tags` leaves out are removed."""
    with path.open("r+b") as file:
        set_tags(file, {name: tags.get(name, []) for name in NAMES})


@pytest.mark.parametrize("song", ["mp3", "wav"], indirect=True)
def test_a_file_without_tags_is_without_them_again(song: Path) -> None:
    mutagen.File(song).delete()  # type: ignore[attr-defined]
    bare = song.read_bytes()
    write_tags(song, WRITTEN)
    assert read_tags(song) == WRITTEN
    write_tags(song, {})
    assert song.read_bytes() == bare


@pytest.mark.parametrize("song", ["mp3"], indirect=True)
def test_the_version_of_id3_stays(song: Path) -> None:
    """Old players read 2.3 alone, and some frames that others left there have no place in 2.4."""
    tags = id3.ID3()
    for frame in (id3.TIT2(1, ["제목"]), id3.TYER(0, ["1999"]), id3.TCON(0, ["(17)"]), id3.TSOP(1, ["Z"])):
        tags.add(frame)
    tags.save(song, v2_version=3)
    before = {key: frame.text for key, frame in id3.ID3(song, translate=False).items()}
    write_tags(song, WRITTEN)
    assert read_tags(song) == WRITTEN
    write_tags(song, {"genre": ["(17)"]})
    after = id3.ID3(song, translate=False)
    assert after.version == (2, 3, 0)
    assert {key: frame.text for key, frame in after.items()} == before


@pytest.mark.parametrize("song", ["mp3", "flac", "m4a", "ogg", "wma"], indirect=True)
def test_tags_that_are_not_named_stay(song: Path) -> None:
    write_tags(song, WRITTEN)
    with song.open("r+b") as file:
        set_tags(file, {"mood": [], "genre": ["jazz"]})
    assert read_tags(song) == {"bpm": ["76"], "initialkey": ["G"], "genre": ["jazz"]}
