"""The command shows, writes and undoes tags, in files of each format."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
import soundfile
from sqlalchemy import null, update

import preprocess
from library.catalogue.database import open_catalogue
from library.catalogue.tables import TagChange, Track
from library.collection.replacement import TagError
from library.collection.tag_changes import read_album, tags_to_write
from library.collection.tag_files import read_tags, set_tags
from ml.audio.ffmpeg import find_ffmpeg
from ml.audio.loading import load
from tests.fakes import Decoder
from tests.library.collection.conftest import FORMATS, NO_TAGS

WRITTEN = {"bpm": ["76"], "initialkey": ["G"], "genre": ["reggae"], "mood": ["calm"]}
"""The report of the fake pipeline for every song."""


class CommandLine:
    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys

    def run(self, *argv: str | Path, code: int = 0) -> str:
        return self.run_both(*argv, code=code)[0]

    def run_both(self, *argv: str | Path, code: int = 0) -> tuple[str, str]:
        """Output and error output."""
        variables = {"SORI_HOME": str(self.home)}
        assert preprocess.run([str(one) for one in argv], variables=variables, load_pipeline=Decoder) == code
        return self.capsys.readouterr()


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


def edit(path: Path, **values: str) -> None:
    """As another program does: into the file that is there."""
    file = mutagen.File(path, easy=True)  # type: ignore[attr-defined]
    for name, value in values.items():
        file[name] = value
    file.save()


@pytest.mark.parametrize("song", ["mp3", "flac"], indirect=True)
def test_tags_that_were_edited_since_stay(song: Path, command: CommandLine) -> None:
    command.run(song.parent)
    command.run("--write-tags", "--apply")
    edit(song, genre="trot", title="Another title")
    out, complaint = command.run_both("--undo", code=1)
    assert out == "" and complaint == f"{song}: These tags were edited since and stay as they are: genre\n"
    assert read_tags(song) == {"genre": ["trot"]}
    assert load(song).title == "Another title"
    assert command.run("--undo") == ""


@pytest.mark.parametrize("song", ["mp3", "m4a", "ogg", "wav"], indirect=True)
def test_a_file_that_another_program_wrote_anew_is_recognised(song: Path, command: CommandLine) -> None:
    """It has another inode and other bytes, but the same sound."""
    command.run(song.parent)
    command.run("--write-tags", "--apply")
    copy = shutil.copyfile(song, song.with_name(f"copy.{song.suffix}"))
    with copy.open("r+b") as file:
        set_tags(file, {"mood": ["exciting"]})
    copy.rename(song)
    command.run("--undo", code=1)
    assert read_tags(song).get("mood") == ["exciting"] and "bpm" not in read_tags(song)


@pytest.mark.parametrize("song", ["mp3", "flac", "m4a"], indirect=True)
def test_another_file_that_took_the_name_is_left_alone(song: Path, songs: Path, command: CommandLine) -> None:
    """Even where it holds the very tags that were written."""
    command.run(song.parent)
    command.run("--write-tags", "--apply")
    tone = 0.3 * np.sin(np.arange(88_200) / 20)
    soundfile.write(song.parent / "other.flac", tone, 44_100)
    convert = [find_ffmpeg("test"), "-nostdin", "-v", "error", "-y", "-i", song.parent / "other.flac", song]
    subprocess.run(convert, check=True)
    with song.open("r+b") as file:
        set_tags(file, WRITTEN)
    before = song.read_bytes()
    _, complaint = command.run_both("--undo", code=1)
    assert "Another file has taken this name" in complaint
    assert song.read_bytes() == before
    song.unlink()
    song.symlink_to(song.parent / "other.flac")
    before = (song.parent / "other.flac").read_bytes()
    assert "is a link" in command.run_both("--undo", code=1)[1]
    assert (song.parent / "other.flac").read_bytes() == before


@pytest.mark.parametrize("song", ["mp3", "m4a"], indirect=True)
def test_several_changes_are_undone(song: Path, command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    command.run(song.parent)
    before = all_tags(song)
    command.run("--write-tags", "--apply")
    catalogue = open_catalogue(command.home)
    with catalogue.transaction() as session:
        session.execute(update(Track).where(Track.path == song).values(bpm=99.0, mood=None))
    catalogue.close()
    monkeypatch.setattr("library.collection.tag_changes._hash_samples", lambda _: None)  # a decoder of another version
    assert "bpm = 99" in command.run("--write-tags", "--apply")
    assert command.run("--undo") == f"{song}\n{song}\n"
    assert all_tags(song) == before


@pytest.mark.parametrize("song", ["mp3"], indirect=True)
def test_a_change_that_was_interrupted_is_undone_without_harm(
    song: Path, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_killed(*_: object) -> None:
        raise KeyboardInterrupt

    command.run(song.parent)
    before = song.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("library.collection.replacement.replace", be_killed)
        with pytest.raises(KeyboardInterrupt):
            command.run("--write-tags", "--apply")
    command.capsys.readouterr()
    assert song.read_bytes() == before
    assert command.run("--undo") == f"{song}\n"
    assert song.read_bytes() == before


@pytest.mark.parametrize("song", ["mp3"], indirect=True)
def test_a_change_of_an_older_version_is_not_undone_blindly(song: Path, command: CommandLine) -> None:
    command.run(song.parent)
    command.run("--write-tags", "--apply")
    catalogue = open_catalogue(command.home)
    with catalogue.transaction() as session:
        session.execute(update(TagChange).values(after=null(), content=None, samples=None))
    catalogue.close()
    before = song.read_bytes()
    assert "older version" in command.run_both("--undo", code=1)[1]
    assert song.read_bytes() == before


@pytest.mark.parametrize("song", ["flac"], indirect=True)
def test_links_are_named_with_the_reason(song: Path, command: CommandLine, tmp_path: Path) -> None:
    """Hard links, links to files, and a link to a folder outside: none of their files changes."""
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("canary.flac", "target.flac", "several.flac"):
        shutil.copyfile(song, outside / name)
        with (outside / name).open("r+b") as file:
            set_tags(file, {"genre": [name]})  # so that they are no copies of each other
    shutil.move(song, outside / "mine.flac")
    (song.parent / "link").symlink_to(outside)
    (song.parent / "link.flac").symlink_to(outside / "target.flac")
    (song.parent / "several.flac").hardlink_to(outside / "several.flac")
    before = {path: path.read_bytes() for path in outside.iterdir()}
    command.run(song.parent)
    for options in ((), ("--apply",)):
        out, complaint = command.run_both("--write-tags", *options, code=1)
        assert "bpm" not in out
        assert complaint.count("out of the scanned folders") == 4
        assert complaint.count("it is a link") == 1 and complaint.count("2 names") == 1
    assert {path: path.read_bytes() for path in outside.iterdir()} == before
    assert (song.parent / "several.flac").samefile(outside / "several.flac")


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
