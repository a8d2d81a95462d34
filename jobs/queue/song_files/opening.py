"""Where the files of uploads are, by the settings: in the home, or in a storage for several machines."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from jobs.queue.song_files.cache import SongCache
from jobs.queue.song_files.local import LocalFiles
from jobs.queue.song_files.remote import RemoteFiles
from library.catalogue import identity
from library.catalogue.database import Catalogue
from library.catalogue.identity import SONG_FOLDER
from ml.report.errors import SoriError

CACHE_NAME = "cache"


class NoDriverError(SoriError):
    code = "no_driver"
    sentence = "SORI_STORAGE_URL cannot be used: {reason}. The packages of requirements-cluster.txt may be missing."


def local_files(home: Path) -> LocalFiles:
    return LocalFiles(home / SONG_FOLDER)


def open_song_files(
    catalogue: Catalogue, home: Path, storage_url: str | None, cache_mb: int
) -> LocalFiles | RemoteFiles:
    """Raises `NoDriverError` where a package is missing, and `StorageAwayError` where a shared folder does not exist.
    Whether S3 can be reached is noticed when it is used.

    In a storage, each database has a folder of its own, named by its identity: an engine deletes what its database does
    not know, and those would be the songs of another one.
    """
    if storage_url is None:
        return local_files(home)
    check_driver(storage_url)
    with catalogue.engine.connect() as connection:
        name = identity.read_note(connection)
    files = RemoteFiles(f"{storage_url}/{name}", SongCache(home / CACHE_NAME, cache_mb * 1_000_000))
    files.prepare()
    return files


def check_driver(storage_url: str) -> None:
    """Raises where no installed package can open such an address."""
    try:
        from fsspec.registry import known_implementations
    except ImportError as error:
        raise NoDriverError(reason=str(error)) from error
    protocol = storage_url.partition("://")[0]
    if protocol not in known_implementations:
        raise NoDriverError(reason=f"{protocol}://")
    package = known_implementations[protocol]["class"].partition(".")[0]
    if find_spec(package) is None:
        raise NoDriverError(reason=f"No module named '{package}'")
