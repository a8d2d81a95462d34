"""Tags are written into a copy that replaces the file, in the version of ID3 that it had."""

from __future__ import annotations

from pathlib import Path

import mutagen
import pytest
from mutagen import id3

from library.collection.tag_files import TagError, read_tags, write_tags
from tests.library.collection.test_tag_changes import WRITTEN


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


@pytest.mark.parametrize("song", ["flac"], indirect=True)
def test_a_link_stays_a_link(song: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.flac"
    link.symlink_to(song)
    song.chmod(0o640)
    write_tags(link, WRITTEN)
    assert link.is_symlink() and read_tags(song) == WRITTEN
    assert song.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("song", ["mp3"], indirect=True)
def test_what_cannot_be_written_stays_whole(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = song.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("library.collection.tag_files.shutil.copy2", fail)
    with pytest.raises(TagError, match="No space left"):
        write_tags(song, WRITTEN)
    assert song.read_bytes() == before
    assert [path.name for path in song.parent.iterdir()] == [song.name]
