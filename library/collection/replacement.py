"""Replaces a music file by a changed copy of itself, through no link, and only while nothing else has changed it.

A folder of music may hold links that lead anywhere, and anybody who can write to it can add some at any moment. So the
scanned folder is opened first, each folder below it by the descriptor of the one above, and none of them through a
link. The copy is complete before it takes the file's name: after a kill or on a full disk, there is a whole song.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ml.report.errors import SoriError


class TagError(SoriError):
    code = "tags"
    sentence = "The tags of this file cannot be changed: {reason}"


class LinkError(TagError):
    sentence = "The tags of this file stay as they are: it is a link, or no ordinary file."


class OutsideError(TagError):
    sentence = "The tags of this file stay as they are: a link leads to it, out of the scanned folders."


class SeveralNamesError(TagError):
    sentence = "The tags of this file stay as they are: it has {count} names (hard links), and only one would change."


class ChangingError(TagError):
    sentence = "This file was changed at the same moment, so its tags stay as they are. Try again."


@dataclass(frozen=True)
class Original:
    """An open file, and the open folder that it is in."""

    file: BinaryIO
    folder: int
    name: str
    status: os.stat_result


@contextlib.contextmanager
def open_original(path: Path, folders: Sequence[Path]) -> Iterator[Original]:
    """The file at `path`, if it is an ordinary file with one name below one of the scanned `folders`."""
    with contextlib.ExitStack() as stack:
        folder = _open_folder(path, folders, stack)
        with _as_tag_error():
            status = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                raise LinkError()
            # Without waiting: meanwhile a pipe may have taken the name.
            opened = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            file = stack.enter_context(os.fdopen(opened, "rb"))
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise LinkError()
            if status.st_nlink > 1:
                raise SeveralNamesError(count=status.st_nlink)
            if not os.access(path.name, os.W_OK, dir_fd=folder):
                raise TagError(reason="it may not be written")
        yield Original(file, folder, path.name, status)


def _open_folder(path: Path, folders: Sequence[Path], stack: contextlib.ExitStack) -> int:
    """The folder of a file. Links that stay in the scanned folder were resolved before; new ones are not followed."""
    above = [folder for folder in folders if path.is_relative_to(folder)]
    if not above:
        raise OutsideError()
    with _as_tag_error():
        root, real = (Path(os.path.realpath(one, strict=True)) for one in (max(above, key=_depth), path.parent))
        if not real.is_relative_to(root):
            raise OutsideError()
        opened = _open_step(str(root), None, stack)
        for part in real.relative_to(root).parts:
            opened = _open_step(part, opened, stack)
    return opened


def _depth(folder: Path) -> int:
    return len(folder.parts)


def _open_step(name: str, above: int | None, stack: contextlib.ExitStack) -> int:
    opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
    stack.callback(os.close, opened)
    return opened


@contextlib.contextmanager
def copy_of(original: Original) -> Iterator[BinaryIO]:
    """A copy beside the original, with its owner, mode and attributes; removed at the end unless it has replaced it."""
    name = f".sori-{secrets.token_hex(8)}{Path(original.name).suffix}"

    def create(path: str, flags: int) -> int:
        return os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=original.folder)

    try:
        with contextlib.ExitStack() as stack:
            with _as_tag_error():
                # By name, because mutagen looks at a file's suffix.
                copy = stack.enter_context(open(name, "w+b", opener=create))
                original.file.seek(0)
                shutil.copyfileobj(original.file, copy)
                copy.flush()
                _copy_status(original, copy.fileno())
            yield copy
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=original.folder)


def _copy_status(original: Original, copy: int) -> None:
    if os.geteuid() == 0:  # root keeps the owner of another user's music
        os.fchown(copy, original.status.st_uid, original.status.st_gid)
    os.fchmod(copy, stat.S_IMODE(original.status.st_mode))
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):  # the disk may have none, or they may not be ours to set
            for name in os.listxattr(original.file.fileno()):
                os.setxattr(copy, name, os.getxattr(original.file.fileno(), name))


def replace(original: Original, copy: BinaryIO) -> None:
    """Give the copy the name of the original, unless another file has that name now or the original was written to."""
    with _as_tag_error():
        copy.flush()
        os.fsync(copy.fileno())
        now = os.stat(original.name, dir_fd=original.folder, follow_symlinks=False)
        if _identity(now) != _identity(original.status):
            raise ChangingError()
        os.replace(copy.name, original.name, src_dir_fd=original.folder, dst_dir_fd=original.folder)


@contextlib.contextmanager
def _as_tag_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TagError(reason=error.strerror or type(error).__name__) from error


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns
