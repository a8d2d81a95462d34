"""Tags are shown, written and taken back by the command, in files of each format made here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen import id3

import preprocess
from library.collection.tag_changes import read_album
from library.collection.tag_files import TagError, read_tags, write_tags
from ml.audio.ffmpeg import find_ffmpeg
from ml.audio.loading import load
from tests.fakes import Decoder

WRITTEN = {"bpm": ["76"], "initialkey": ["G"], "genre": ["reggae"], "mood": ["calm"]}
"""What the report of the small ear says of every song."""
FORMATS = ("mp3", "flac", "ogg", "opus", "m4a", "wav", "aiff", "wma")
NO_TAGS = ("aac", "au", "caf")


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds in each format, with a title, an album and a genre as ffmpeg writes them."""
    folder = tmp_path_factory.mktemp("songs")
    tone = 0.3 * np.sin(np.arange(88_200) / np.linspace(9, 12, 88_200))
    soundfile.write(folder / "source.flac", tone, 44_100)
    words = [
        option for word in ("title=A song", "album=An album", "genre=polka") for option in ("-metadata", word)
    ]
    for suffix in (*FORMATS, *NO_TAGS):
        extra = ["-write_id3v2", "1"] if suffix == "aiff" else []
        command = [find_ffmpeg("test"), "-nostdin", "-v", "error", "-i", folder / "source.flac"]
        subprocess.run([*command, *words, *extra, folder / f"song.{suffix}"], check=True)
    return folder


@pytest.fixture
def song(request: pytest.FixtureRequest, songs: Path, tmp_path: Path) -> Path:
    """A copy of one of them, alone in a folder."""
    (tmp_path / "music").mkdir()
    return Path(shutil.copy(songs / f"song.{request.param}", tmp_path / "music"))


class House:
    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys

    def run(self, *argv: str | Path, code: int = 0) -> str:
        variables = {"SORI_HOME": str(self.home)}
        assert preprocess.run([str(one) for one in argv], variables=variables, load_pipeline=Decoder) == code
        return self.capsys.readouterr().out


@pytest.fixture
def house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> House:
    return House(tmp_path / "var", capsys)


def all_tags(path: Path) -> dict[str, Any]:
    """Everything that mutagen finds in the file, not only what is ours."""
    file = mutagen.File(path)  # type: ignore[attr-defined]
    return {str(key): str(value) for key, value in (file.tags or {}).items()}


@pytest.mark.parametrize("song", FORMATS, indirect=True)
def test_the_command_shows_writes_and_undoes(song: Path, house: House) -> None:
    house.run(song.parent)
    bytes_before, tags_before, sound_before = song.read_bytes(), all_tags(song), load(song).samples
    assert "bpm = 76" in (shown := house.run("--write-tags")) and "Nothing was changed." in shown
    assert song.read_bytes() == bytes_before
    house.run("--write-tags", "--apply")
    assert read_tags(song) == WRITTEN
    assert np.array_equal(load(song).samples, sound_before)
    assert load(song).title == "A song"
    assert house.run("--write-tags") == (
        "Nothing was changed. With --apply these tags are written; --undo takes them back.\n"
    )
    assert house.run(song.parent) == "1 files are as they were.\n"
    assert house.run("--undo") == f"{song}\n"
    assert all_tags(song) == tags_before
    assert np.array_equal(load(song).samples, sound_before)
    assert house.run(song.parent) == "1 files are as they were.\n"
    assert house.run("--undo") == ""
    assert [path.name for path in song.parent.iterdir()] == [song.name]


@pytest.mark.parametrize("song", NO_TAGS, indirect=True)
def test_a_format_without_tags_is_passed_over(song: Path, house: House) -> None:
    house.run(song.parent)
    before = song.read_bytes()
    house.run("--write-tags", "--apply")
    assert song.read_bytes() == before
    with pytest.raises(TagError):
        read_tags(song)


@pytest.mark.parametrize("song", FORMATS, indirect=True)
def test_the_album_is_known(song: Path) -> None:
    assert read_album(song) == (
        None if song.suffix == ".wav" else "An album"
    )  # RIFF's own word list has no album


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


@pytest.mark.parametrize("song", ["mp3"], indirect=True)
def test_a_song_that_moved_gets_its_tags_back(song: Path, house: House) -> None:
    house.run(song.parent)
    before = all_tags(song)
    house.run("--write-tags", "--apply")
    moved = song.rename(song.with_name("moved.mp3"))
    assert house.run(moved.parent) == "1 files were moved, copied or touched.\n"
    assert house.run("--undo") == f"{moved}\n"
    assert all_tags(moved) == before


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


def test_what_carries_no_tags_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("no sound")
    with pytest.raises(TagError):
        read_tags(tmp_path / "text.mp3")
    assert read_album(tmp_path / "text.mp3") is None
    assert read_album(tmp_path / "nothing.mp3") is None


@pytest.mark.parametrize("song", ["mp3"], indirect=True)
def test_a_file_that_went_away_is_named(song: Path, house: House) -> None:
    house.run(song.parent)
    house.run("--write-tags", "--apply")
    song.unlink()
    house.run("--undo", code=1)
    assert house.run("--write-tags", "--apply").splitlines() == []
