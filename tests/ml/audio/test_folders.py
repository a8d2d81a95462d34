"""The audio files of a folder: sorted, only audio by name, each folder once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ml.audio.folders import find_audio, looks_like_audio


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize("name", ["a.mp3", "A.FLAC", "한국노래.m4a", "a.b.ogg"])
def test_audio_by_name(name: str) -> None:
    assert looks_like_audio(Path(name))


@pytest.mark.parametrize("name", ["cover.jpg", "list.m3u8", "mp3", "._song.mp3", ".mp3"])
def test_not_audio_by_name(name: str) -> None:
    assert not looks_like_audio(Path(name))


def test_the_files_of_a_folder_are_sorted(tmp_path: Path) -> None:
    songs = [touch(tmp_path / name) for name in ("b.mp3", "a/z.wav", "a/b/c.ogg", "가.flac")]
    touch(tmp_path / "cover.jpg")
    touch(tmp_path / ".trash/old.mp3")
    assert find_audio([tmp_path]) == sorted(songs)


def test_named_files_are_kept_with_any_extension(tmp_path: Path) -> None:
    song = touch(tmp_path / "folder/song.mp3")
    named = [touch(tmp_path / "z.bin"), tmp_path / "missing.mp3"]
    assert find_audio([*named, tmp_path / "folder"]) == [*named, song]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    song = touch(tmp_path / "music/song.mp3")
    (tmp_path / "music/again").symlink_to(tmp_path / "music")
    assert find_audio([tmp_path / "music"]) == [song]


def test_a_linked_folder_is_walked(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere/song.mp3")
    (tmp_path / "music").mkdir()
    (tmp_path / "music/link").symlink_to(tmp_path / "elsewhere")
    assert find_audio([tmp_path / "music"]) == [tmp_path / "music/link/song.mp3"]


def test_a_folder_that_cannot_be_listed_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root, as in CI, may list everything
    assert find_audio([tmp_path]) == [closed]
