"""Files are replaced through no link, and only while nothing else changes them. Canaries outside stay as they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from library.collection import replacement
from library.collection.replacement import (
    ChangingError,
    LinkError,
    OutsideError,
    SeveralNamesError,
    TagError,
    copy_of,
    open_original,
    replace,
)

CANARY = b"a file of somebody else"


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file beside the music, which nothing may change."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "song.mp3").write_bytes(CANARY)
    yield outside / "song.mp3"
    assert (outside / "song.mp3").read_bytes() == CANARY
    assert [path.name for path in outside.iterdir()] == ["song.mp3"]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "album").mkdir(parents=True)
    (folder / "album/song.mp3").write_bytes(b"before")
    return folder


def change(path: Path, folder: Path) -> None:
    with open_original(path, [folder]) as original, copy_of(original) as copy:
        copy.write(b" and after")
        replace(original, copy)


def test_a_file_is_replaced_by_its_copy(music: Path) -> None:
    song = music / "album/song.mp3"
    song.chmod(0o640)
    if hasattr(os, "setxattr"):
        os.setxattr(song, "user.rating", b"5")
    change(song, music)
    assert song.read_bytes() == b"before and after"
    assert song.stat().st_mode & 0o777 == 0o640
    if hasattr(os, "getxattr"):
        assert os.getxattr(song, "user.rating") == b"5"
    assert [path.name for path in song.parent.iterdir()] == ["song.mp3"]


def test_a_link_is_left_alone(music: Path, canary: Path) -> None:
    for name, target in (("out.mp3", canary), ("in.mp3", music / "album/song.mp3"), ("nowhere.mp3", music / "gone")):
        (music / name).symlink_to(target)
        with pytest.raises(LinkError):
            change(music / name, music)
    assert (music / "album/song.mp3").read_bytes() == b"before"


def test_a_file_with_two_names_is_left_alone(music: Path) -> None:
    (music / "again.mp3").hardlink_to(music / "album/song.mp3")
    with pytest.raises(SeveralNamesError, match="2 names"):
        change(music / "again.mp3", music)
    assert (music / "again.mp3").samefile(music / "album/song.mp3")
    assert (music / "again.mp3").read_bytes() == b"before"


def test_a_folder_behind_a_link_that_leads_out_is_left_alone(music: Path, canary: Path) -> None:
    (music / "link").symlink_to(canary.parent)
    (music / "album/up").symlink_to("../../outside")
    for path in (music / "link/song.mp3", music / "album/up/song.mp3", music / "../outside/song.mp3"):
        with pytest.raises(OutsideError):
            change(path, music)
    with pytest.raises(OutsideError):
        change(canary, music)


def test_links_to_the_scanned_folder_and_inside_it_are_followed(music: Path, tmp_path: Path) -> None:
    (tmp_path / "my music").symlink_to(music)
    (music / "favourites").symlink_to("album")
    change(tmp_path / "my music/favourites/song.mp3", tmp_path / "my music")
    assert (music / "album/song.mp3").read_bytes() == b"before and after"


def test_a_folder_that_was_named_itself_is_no_link_that_leads_out(music: Path, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(music / "album", tmp_path / "elsewhere")
    (music / "link").symlink_to(elsewhere)
    with open_original(music / "link/song.mp3", [music, music / "link"]) as original, copy_of(original) as copy:
        replace(original, copy)


@pytest.mark.parametrize("kind", ["link", "file", "pipe", "hard link", "gone", "edited"])
def test_a_file_that_changes_meanwhile_is_left_alone(music: Path, canary: Path, kind: str) -> None:
    song, other = music / "album/song.mp3", music / "other.mp3"
    other.write_bytes(b"other")
    with open_original(song, [music]) as original, copy_of(original) as copy:
        if kind == "edited":
            song.write_bytes(b"edited")
        elif kind == "hard link":
            (music / "again.mp3").hardlink_to(song)
        else:
            song.unlink()
        if kind == "link":
            song.symlink_to(canary)
        elif kind == "file":
            other.rename(song)
        elif kind == "pipe":
            os.mkfifo(song)
        with pytest.raises(TagError if kind == "gone" else ChangingError):
            replace(original, copy)
    left = {"file": b"other", "hard link": b"before", "edited": b"edited"}
    assert kind not in left or song.read_bytes() == left[kind]
    assert not list(song.parent.glob(".sori-*"))


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(music: Path, canary: Path) -> None:
    with open_original(music / "album/song.mp3", [music]) as original, copy_of(original) as copy:
        (music / "album").rename(music / "moved")
        (music / "album").symlink_to(canary.parent)
        copy.write(b" and after")
        replace(original, copy)
    assert (music / "moved/song.mp3").read_bytes() == b"before and after"


def test_a_folder_that_becomes_a_link_before_it_is_opened(
    music: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap_and_open(name: str, above: int | None, stack: ExitStack) -> int:
        if name == "album":
            (music / "album").rename(music / "moved")
            (music / "album").symlink_to(canary.parent)
        return open_step(name, above, stack)

    open_step = replacement._open_step
    monkeypatch.setattr(replacement, "_open_step", swap_and_open)
    with pytest.raises(TagError):
        change(music / "album/song.mp3", music)


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_refused_at_once(music: Path, kind: str) -> None:
    path = music / "odd.mp3"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(LinkError):
        change(path, music)


def test_a_full_disk_leaves_the_file_whole(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("library.collection.replacement.shutil.copyfileobj", fail)
    with pytest.raises(TagError, match="No space left"):
        change(music / "album/song.mp3", music)
    assert (music / "album/song.mp3").read_bytes() == b"before"
    assert [path.name for path in (music / "album").iterdir()] == ["song.mp3"]
