"""The files of uploads in a storage that fsspec can reach, such as S3: an object `ID/NAME` for each, below one address.

fsspec is imported with the first call. Nothing here deletes recursively: a song has few files, and each is deleted by
its own name.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from jobs.queue.ids import is_address
from jobs.queue.song_files.cache import SongCache
from jobs.queue.song_files.interface import FileStatus, StorageAwayError, checked_id, checked_name
from library.catalogue.database import is_disk_full
from ml.report.errors import NotFoundError, SoriError

LOG = logging.getLogger(__name__)

FOLDERS, S3 = ("file", "local"), ("s3", "s3a")
"""Protocols of addresses."""
CONNECT_SECONDS, READ_SECONDS, RETRIES = 3, 10, 1
"""The defaults of S3 are minutes together. Whoever waits here can try again later."""
WRITE_SECONDS = 90.0


class _Place(NamedTuple):
    filesystem: Any
    root: str
    """Without a slash at the end."""
    has_folders: bool
    """Whether folders exist by themselves, and have to be made and removed."""
    patience: dict[str, float]
    """How long writing may take: a server that never asks for the body is waited for without end otherwise."""


@dataclass(frozen=True)
class RemoteFiles:
    """`url` is for the songs of one database alone; it may hold a password."""

    url: str = field(repr=False)
    cache: SongCache

    def path(self, analysis_id: str, name: str) -> None:
        self._key(analysis_id, name)

    def names(self, analysis_id: str) -> set[str]:
        with self._reach(checked_id(analysis_id)) as (place, folder):
            return _list_names(place, folder)

    def status(self, analysis_id: str, name: str) -> FileStatus:
        with self._reach(self._key(analysis_id, name)) as (place, key):
            facts = place.filesystem.info(key)
        modified = facts.get("LastModified") or facts.get("mtime") or 0.0
        return FileStatus(int(facts["size"]), modified.timestamp() if hasattr(modified, "timestamp") else modified)

    def read(self, analysis_id: str, name: str, start: int = 0, stop: int | None = None) -> bytes:
        with self._reach(self._key(analysis_id, name)) as (place, key):
            if stop is not None and stop <= start:
                return b""
            content: bytes = place.filesystem.cat_file(key, start=start, end=stop)
            return content

    def store(self, analysis_id: str, name: str, path: Path) -> None:
        self._put(analysis_id, name, path)
        path.unlink(missing_ok=True)

    def copy(self, source_id: str, target_id: str, names: Iterable[str]) -> None:
        keys = {name: (self._key(source_id, name), self._key(target_id, name)) for name in names}
        present = self.names(source_id)
        with self._reach(target_id) as (place, _):
            for name, (source, target) in keys.items():
                if name in present:
                    place.filesystem.cp_file(f"{place.root}/{source}", f"{place.root}/{target}")

    @contextmanager
    def working_folder(self, analysis_id: str, name: str) -> Iterator[Path]:
        try:
            size = self.status(analysis_id, name).size
            download = partial(self._download, self._key(analysis_id, name))
            with self.cache.use(analysis_id, name, size, download) as folder:
                yield folder
                self._store_results(analysis_id, name, folder)
        except FileNotFoundError as error:
            raise NotFoundError(path=name) from error

    def delete(self, analysis_id: str) -> None:
        self.cache.remove(analysis_id)
        with self._reach(checked_id(analysis_id)) as (place, folder):
            if _is_link(place, folder):
                return
            for name in _list_names(place, folder):
                with suppress(FileNotFoundError):
                    place.filesystem.rm_file(f"{folder}/{name}")
            if place.has_folders:
                with suppress(OSError):  # it is gone already, or not empty
                    place.filesystem.rmdir(folder)

    def ids(self) -> set[str]:
        with self._reach("") as (place, folder):
            return {name for name in _list_names(place, folder.rstrip("/"), "directory") if is_address(name)}

    def remove_copies(self, known: set[str]) -> None:
        self.cache.remove_unknown(known)

    def check(self) -> None:
        with self._reach(f".probe-{socket.gethostname()[:60]}-{os.getpid()}") as (place, key):
            try:
                place.filesystem.pipe_file(key, b"probe", **place.patience)
                place.filesystem.rm_file(key)
            except FileNotFoundError as error:  # the bucket or the shared folder
                raise StorageAwayError() from error

    def prepare(self) -> None:
        """Make the folder of this database in a shared folder. That has to exist: else it may not be mounted."""
        protocol, _, path = self.url.partition("://")
        if protocol in FOLDERS:
            try:
                Path(path).mkdir(exist_ok=True)
            except OSError as error:
                raise StorageAwayError() from error

    def _key(self, analysis_id: str, name: str) -> str:
        return f"{checked_id(analysis_id)}/{checked_name(name)}"

    @contextmanager
    def _reach(self, key: str) -> Iterator[tuple[_Place, str]]:
        """The storage and the whole key. What goes wrong is a `StorageAwayError`, except that a file is missing."""
        try:
            place = _connect(self.url, os.getpid())
            yield place, f"{place.root}/{key}"
        except (FileNotFoundError, SoriError):
            raise
        except Exception as error:
            if is_disk_full(error):
                raise
            reason = getattr(error, "strerror", None) or type(error).__name__  # its text may hold secrets
            LOG.warning("the storage for songs: %s", reason)
            raise StorageAwayError() from error

    def _put(self, analysis_id: str, name: str, path: Path) -> None:
        """Store a file, completely or not at all."""
        with self._reach(self._key(analysis_id, name)) as (place, key):
            try:
                if place.has_folders:
                    with suppress(FileExistsError):
                        place.filesystem.mkdir(key.rpartition("/")[0], create_parents=False)
                place.filesystem.put_file(str(path), key, **place.patience)
            except BaseException as error:
                with suppress(Exception):
                    place.filesystem.rm_file(key)
                if isinstance(error, FileNotFoundError) and path.exists():  # the bucket or the shared folder
                    raise StorageAwayError() from error
                raise

    def _download(self, key: str, path: Path) -> None:
        with self._reach(key) as (place, whole_key):
            place.filesystem.get_file(whole_key, str(path))

    def _store_results(self, analysis_id: str, song: str, folder: Path) -> None:
        """Raises `FileNotFoundError` where the song was deleted meanwhile."""
        self.status(analysis_id, song)
        for path in sorted(folder.iterdir()):
            if path.name != song and path.is_file():
                self._put(analysis_id, path.name, path)


@cache
def _connect(url: str, _process: int) -> _Place:
    """The storage at an address, once for each process: no connection outlives a fork."""
    import fsspec

    protocol = url.partition("://")[0]
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if protocol in S3:
        timeouts = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        options["config_kwargs"] = {"retries": {"max_attempts": RETRIES}, **timeouts}
    filesystem, root = fsspec.url_to_fs(url, **options)
    if protocol in S3:
        filesystem.retries = 1  # tries of s3fs, each with the retries of botocore
    return _Place(
        filesystem, root.rstrip("/"), protocol in FOLDERS, {"timeout": WRITE_SECONDS} if protocol in S3 else {}
    )


def _list_names(place: _Place, folder: str, kind: str = "file") -> set[str]:
    """The names of what lies directly in a folder."""
    try:
        entries = place.filesystem.ls(folder, detail=True)
    except FileNotFoundError:
        return set()
    parts = [entry["name"].rstrip("/").rpartition("/") for entry in entries if entry["type"] == kind]
    return {name for parent, _, name in parts if parent == folder and name}


def _is_link(place: _Place, folder: str) -> bool:
    """Whether a folder is a link, which could lead anywhere."""
    return place.has_folders and bool(Path(folder).is_symlink())
