"""A storage that no installed package can open is named at the start, and nothing else is loaded for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jobs.queue.song_files.interface import StorageAwayError
from jobs.queue.song_files.local import LocalFiles
from jobs.queue.song_files.opening import NoDriverError, check_driver, open_song_files
from library.catalogue.database import open_catalogue
from tests.sources import ROOT


def test_the_home_is_the_default(tmp_path: Path) -> None:
    catalogue = open_catalogue(tmp_path)
    assert open_song_files(catalogue, tmp_path, None, 1) == LocalFiles(tmp_path / "analyses")
    catalogue.close()


@pytest.mark.parametrize("url", ["nothing://bucket", "gcs://bucket"])
def test_an_address_without_a_package_is_refused(url: str) -> None:
    with pytest.raises(NoDriverError) as raised:
        check_driver(url)
    assert "requirements-cluster.txt" in str(raised.value)


def test_a_shared_folder_has_to_exist(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="needs the packages of requirements-cluster.txt")
    catalogue = open_catalogue(tmp_path / "home")
    with pytest.raises(StorageAwayError):
        open_song_files(catalogue, tmp_path / "home", f"file://{tmp_path}/share", 1)
    (tmp_path / "share").mkdir()
    for _ in range(2):
        open_song_files(catalogue, tmp_path / "home", f"file://{tmp_path}/share", 1).check()
    assert len(list((tmp_path / "share").iterdir())) == 1
    catalogue.close()


def test_nothing_of_a_storage_is_loaded_for_the_home() -> None:
    """In a process of its own, because this one may have loaded anything."""
    probe = "import sys, web.app, jobs.engine; print(*{'fsspec', 's3fs', 'aiohttp', 'botocore'} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.split() == []
