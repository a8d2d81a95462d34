"""Copies of songs that are stored elsewhere, in a folder of this machine and up to a number of bytes.

Each song has a folder of its own, named by its id. Whoever uses the song holds a shared lock on the file `lock` in it;
only who gets the exclusive lock may remove the folder. The system releases the locks of a process that is killed. The
song that was not used for the longest time goes first. Songs in use stay, also where they exceed the bound together.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from jobs.queue.ids import is_address
from jobs.queue.song_files.interface import checked_id

LOCK_NAME = "lock"
_ROOM_LOCK_NAME = ".room"
"""Held while room is made and reserved: two downloads must not count the same room."""
_REMOVED = ".removed-"


@dataclass(frozen=True)
class SongCache:
    folder: Path
    max_bytes: int

    @contextmanager
    def use(self, analysis_id: str, name: str, size: int, download: Callable[[Path], None]) -> Iterator[Path]:
        """A folder of the block's own with the song in it, which is downloaded where there is no complete copy."""
        with self._locked(analysis_id) as entry:
            song = entry / name
            if not song.is_file() or song.stat().st_size != size:
                self._download(song, size, download)
            os.utime(entry / LOCK_NAME)
            with TemporaryDirectory(dir=entry, prefix=".work-", ignore_cleanup_errors=True) as working:
                _link(song, Path(working) / name)
                yield Path(working)
        self._make_room(0)

    def remove(self, analysis_id: str) -> None:
        """Remove a song unless it is in use."""
        entry = self.folder / checked_id(analysis_id)
        with self._exclusively(entry) as is_free:
            if is_free:
                self._remove(entry)

    def remove_unknown(self, known: set[str]) -> None:
        """Remove every song but these, and what a process left that was killed while it removed one."""
        for path in self.folder.glob("*"):
            if is_address(path.name) and path.name not in known:
                self.remove(path.name)
            elif path.name.startswith(_REMOVED):
                shutil.rmtree(path, ignore_errors=True)

    def _download(self, song: Path, size: int, download: Callable[[Path], None]) -> None:
        """Complete or not at all: under a temporary name until then, which takes up its room from the start."""
        part = song.with_name(f".part-{secrets.token_hex(8)}")
        try:
            self._make_room(size, part)
            download(part)
            if part.stat().st_size != size:
                raise OSError(f"{part.stat().st_size} bytes of {size}")
            part.replace(song)
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, size: int, reserve: Path | None = None) -> None:
        """Remove songs until so many bytes fit, and create a file of that size."""
        with (self.folder / _ROOM_LOCK_NAME).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            sizes = {path: _bytes_of(path) for path in self.folder.iterdir() if is_address(path.name)}
            taken = sum(sizes.values())
            for entry in sorted(sizes, key=_last_use):
                if taken + size <= self.max_bytes:
                    break
                with self._exclusively(entry) as is_free:
                    if is_free:
                        self._remove(entry)
                        taken -= sizes[entry]
            if reserve is not None:
                with reserve.open("xb") as file:
                    file.truncate(size)

    @contextmanager
    def _locked(self, analysis_id: str) -> Iterator[Path]:
        """The folder of a song under a shared lock."""
        entry = self.folder / checked_id(analysis_id)
        lock = None
        while lock is None:
            lock = _lock_shared(entry)
        with lock:
            yield entry

    @contextmanager
    def _exclusively(self, entry: Path) -> Iterator[bool]:
        """Whether nobody uses this folder, which is then locked."""
        try:
            lock = (entry / LOCK_NAME).open("a")
        except (FileNotFoundError, NotADirectoryError):  # it was removed just now, or is being made
            yield False
            return
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield _is_current(lock.fileno(), entry)

    def _remove(self, entry: Path) -> None:
        """Under another name first, so that nobody finds a part of it."""
        removed = self.folder / f"{_REMOVED}{secrets.token_hex(8)}"
        entry.rename(removed)
        shutil.rmtree(removed, ignore_errors=True)


def _lock_shared(entry: Path) -> IO[str] | None:
    """The locked file of a folder, which is made where it is missing; None where it was removed just now."""
    entry.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        lock = (entry / LOCK_NAME).open("a")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if _is_current(lock.fileno(), entry):
            return lock
    except BaseException:
        lock.close()
        raise
    lock.close()
    return None


def _link(song: Path, target: Path) -> None:
    try:
        os.link(song, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(song, target)


def _is_current(lock: int, entry: Path) -> bool:
    """Whether the locked file is still that of the folder, which may have been removed before the lock was given."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(lock), (entry / LOCK_NAME).stat())
    return False


def _bytes_of(entry: Path) -> int:
    """Each file counts once, however many names it has."""
    sizes: dict[int, int] = {}
    for folder, _, names in os.walk(entry):
        for name in names:
            with suppress(FileNotFoundError):
                status = os.lstat(os.path.join(folder, name))
                sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def _last_use(entry: Path) -> float:
    with suppress(FileNotFoundError):
        return (entry / LOCK_NAME).stat().st_mtime
    return 0.0
