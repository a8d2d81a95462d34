"""The command shows, writes and undoes tags, in files of each format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest

import preprocess
from library.catalogue.tables import Track
from library.collection.tag_changes import read_album, tags_to_write
from library.collection.tag_files import TagError, read_tags
from ml.audio.loading import load
from tests.fakes import Decoder
from tests.library.collection.conftest import FORMATS, NO_TAGS

WRITTEN = {"bpm": ["76"], "initialkey": ["G"], "genre": ["reggae"], "mood": ["calm"]}
"""The report of the fake pipeline for every song."""


class CommandLine:
    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys

    def run(self, *argv: str | Path, code: int = 0) -> str:
        variables = {"SORI_HOME": str(self.home)}
        assert preprocess.run([str(one) for one in argv], variables=variables, load_pipeline=Decoder) == code
        return self.capsys.readouterr().out


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path / "var", capsys)


def all_tags(path: Path) -> dict[str, Any]:
    """Everything that mutagen finds in the file, not only what is ours."""
    file = mutagen.File(path)  # type: ignore[attr-defined]
    return {str(key): str(value) for key, value in (file.tags or {}).items()}


@pytest.mark.parametrize("song", FORMATS, indirect=True)
def test_the_command_shows_writes_and_undoes(song: Path, command: CommandLine) -> None:
    command.run(song.parent)
    bytes_before, tags_before, sound_before = song.read_bytes(), all_tags(song), load(song).samples
    assert "bpm = 76" in (shown := command.run("--write-tags")) and "No file was changed." in shown
    assert song.read_bytes() == bytes_before
    command.run("--write-tags", "--apply")
    assert read_tags(song) == WRITTEN
    assert np.array_equal(load(song).samples, sound_before)
    assert load(song).title == "A song"
    assert command.run("--write-tags") == ("No file was changed. --apply writes these tags; --undo restores them.\n")
    assert command.run(song.parent) == "1 files are unchanged.\n"
    assert command.run("--undo") == f"{song}\n"
    assert all_tags(song) == tags_before
    assert np.array_equal(load(song).samples, sound_before)
    assert command.run(song.parent) == "1 files are unchanged.\n"
    assert command.run("--undo") == ""
    assert [path.name for path in song.parent.iterdir()] == [song.name]


@pytest.mark.parametrize("song", NO_TAGS, indirect=True)
def test_a_format_without_tags_is_left_out(song: Path, command: CommandLine) -> None:
    command.run(song.parent)
    before = song.read_bytes()
    command.run("--write-tags", "--apply")
    assert song.read_bytes() == before
    with pytest.raises(TagError):
        read_tags(song)


@pytest.mark.parametrize("song", FORMATS, indirect=True)
def test_the_album_is_read(song: Path) -> None:
    assert read_album(song) == (None if song.suffix == ".wav" else "An album")  # RIFF's own word list has no album


@pytest.mark.parametrize("song", ["mp3"], indirect=True)
def test_the_tags_of_a_moved_song_are_restored(song: Path, command: CommandLine) -> None:
    command.run(song.parent)
    before = all_tags(song)
    command.run("--write-tags", "--apply")
    moved = song.rename(song.with_name("moved.mp3"))
    assert command.run(moved.parent) == "1 files were moved, copied or touched.\n"
    assert command.run("--undo") == f"{moved}\n"
    assert all_tags(moved) == before


def test_a_file_that_is_no_music_has_no_tags(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("no sound")
    with pytest.raises(TagError):
        read_tags(tmp_path / "text.mp3")
    assert read_album(tmp_path / "text.mp3") is None
    assert read_album(tmp_path / "nothing.mp3") is None


@pytest.mark.parametrize("song", ["mp3"], indirect=True)
def test_a_file_that_is_gone_is_an_error(song: Path, command: CommandLine) -> None:
    command.run(song.parent)
    command.run("--write-tags", "--apply")
    song.unlink()
    command.run("--undo", code=1)
    assert command.run("--write-tags", "--apply").splitlines() == []


@pytest.mark.parametrize(
    ("tonic", "mode", "written"),
    [
        ("D#", "minor", "Ebm"),
        ("D#", "major", "Eb"),
        ("A#", "minor", "Bbm"),
        ("F#", "minor", "F#m"),
        ("C", "major", "C"),
    ],
)
def test_keys_are_written_as_id3_spells_them(tonic: str, mode: str, written: str) -> None:
    assert tags_to_write(Track(tonic=tonic, mode=mode), confident=True) == {"initialkey": [written]}


def test_a_genre_is_written_only_when_it_is_confident() -> None:
    track = Track(genre="jazz")
    assert (tags_to_write(track, confident=True), tags_to_write(track, confident=False)) == ({"genre": ["jazz"]}, {})
