"""What is the home's fault and what is the song's, and when there is room."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobs import storage
from jobs.queue.song_files import remote
from jobs.queue.song_files.cache import SongCache
from jobs.queue.song_files.interface import StorageAwayError
from jobs.queue.song_files.local import LocalFiles
from jobs.queue.song_files.remote import RemoteFiles
from jobs.storage import NotStoredError, Storage, has_room, naming_full_disk, storing
from jobs.upload_results import is_retried
from library.catalogue.database import DiskFullError
from library.catalogue.identity import FILE_NAME
from ml.report.errors import EmptyError, NotFoundError, ReadError, SoriError
from tests.s3 import BUCKET, S3Server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "analyses").mkdir()
    (tmp_path / FILE_NAME).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("free_bytes", "free_files", "files", "enough"),
    [
        (storage.ROOM_BYTES, storage.ROOM_FILES, 1000, True),
        (storage.ROOM_BYTES - 1, storage.ROOM_FILES, 1000, False),
        (storage.ROOM_BYTES, storage.ROOM_FILES - 1, 1000, False),
        (storage.ROOM_BYTES, 0, 0, True),  # btrfs makes room for files as needed
    ],
)
def test_room_is_bytes_and_files(
    monkeypatch: pytest.MonkeyPatch, home: Path, free_bytes: int, free_files: int, files: int, enough: bool
) -> None:
    disk = SimpleNamespace(f_bavail=free_bytes, f_frsize=1, f_favail=free_files, f_files=files)
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    assert has_room(home) is enough


def test_a_full_disk_is_found_behind_other_errors() -> None:
    def read() -> None:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere")
        except OSError as error:
            raise ReadError(reason="no") from error

    with pytest.raises(DiskFullError), naming_full_disk():
        read()
    with pytest.raises(EmptyError), naming_full_disk():
        raise EmptyError


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EIO, errno.EMFILE])
def test_an_error_while_storing_names_no_path(number: int) -> None:
    with pytest.raises(NotStoredError) as raised, storing():
        raise OSError(number, os.strerror(number), "/var/analyses/secret")
    assert "/" not in str(raised.value).replace("Input/output", "")


def test_a_song_that_was_deleted_meanwhile_is_no_fault_of_the_home() -> None:
    with pytest.raises(FileNotFoundError), storing():
        raise FileNotFoundError(errno.ENOENT, "No such file", "/var")


@pytest.mark.parametrize("error", [NotStoredError(reason="Permission denied"), NotFoundError(path="song")])
def test_the_home_is_at_fault_where_it_cannot_be_written_to(home: Path, error: SoriError) -> None:
    watch = Storage(home, LocalFiles(home / "analyses"))
    assert not watch.is_at_fault(error)
    assert watch.is_ready()
    (home / "analyses").rename(home / "away")
    assert watch.is_at_fault(error) and not watch.is_ready()
    assert not watch.is_at_fault(EmptyError())


def test_songs_wait_until_the_home_can_be_written_to(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "CHECK_SECONDS", 0.0)
    watch = Storage(home, LocalFiles(home / "analyses"))
    (home / FILE_NAME).rename(home / "away")  # as where a network disk is not mounted
    assert watch.is_at_fault(NotFoundError(path="song"))
    assert not watch.is_ready() and not watch.is_ready()
    (home / "away").rename(home / FILE_NAME)
    assert watch.is_ready()
    assert list((home / "analyses").iterdir()) == []


def test_songs_wait_for_the_storage(s3: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is away. Where it works again by the time it is checked, the song is tried once more instead."""
    monkeypatch.setattr(storage, "CHECK_SECONDS", 0.0)
    watch = Storage(home, RemoteFiles(f"s3://{BUCKET}/sori", SongCache(home / "cache", 1000)))
    assert not watch.is_at_fault(StorageAwayError()) and watch.is_ready()
    s3.remove_bucket()
    assert watch.is_at_fault(StorageAwayError()) and not watch.is_ready()
    s3.empty()
    assert watch.is_ready() and s3.objects() == set()
    assert is_retried(StorageAwayError(), killed_worker=False)


def test_a_storage_that_does_not_answer_is_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch, s3: S3Server
) -> None:
    """And what waits for it gives up: no server has to ask for the body of a request."""
    monkeypatch.setattr(storage, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(remote, "WRITE_SECONDS", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        watch = Storage(home, RemoteFiles(f"s3://{BUCKET}/silent", SongCache(home / "cache", 1000)))
        for _ in range(3):
            assert watch.is_at_fault(StorageAwayError())
            assert watch._probe is not None and watch._probe.is_alive()
        connection, _ = silent.accept()
        assert watch._probe is not None
        watch._probe.join(60.0)
        assert not watch._probe.is_alive()
    connection.close()
