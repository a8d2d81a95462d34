"""The files of uploads in each of the places."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.queue.song_files.cache import SongCache
from jobs.queue.song_files.local import LocalFiles
from jobs.queue.song_files.remote import RemoteFiles
from tests.s3 import BUCKET, S3Server


@pytest.fixture
def cache(tmp_path: Path) -> SongCache:
    return SongCache(tmp_path / "cache", 1_000_000)


@pytest.fixture
def remote(s3: S3Server, cache: SongCache) -> RemoteFiles:
    return RemoteFiles(f"s3://{BUCKET}/sori/database", cache)


@pytest.fixture(params=["local", "shared folder", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path, cache: SongCache) -> LocalFiles | RemoteFiles:
    if request.param == "local":
        return LocalFiles(tmp_path / "analyses")
    if request.param == "s3":
        return request.getfixturevalue("remote")  # type: ignore[no-any-return]
    pytest.importorskip("fsspec", reason="needs the packages of requirements-cluster.txt")
    (tmp_path / "share").mkdir()
    shared = RemoteFiles(f"file://{tmp_path}/share/database", cache)
    shared.prepare()
    return shared
