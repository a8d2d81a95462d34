"""The same library from two machines that see the music in different folders."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from jobs.queue.scans import Scan, Scans
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.path_map import to_local, to_shared, use_path_map
from library.catalogue.tables import Track
from preprocess import ALL_READ
from preprocess import run as preprocess
from tests.fakes import FakePipeline


@pytest.fixture(autouse=True)
def no_map() -> Iterator[None]:
    yield
    use_path_map(())


def test_paths_below_a_folder_are_replaced_both_ways() -> None:
    use_path_map([(Path("/srv/music"), Path("/mnt/nas")), (Path("/srv"), Path("/other"))])
    for shared, local in (
        ("/srv/music/a/노래.mp3", "/mnt/nas/a/노래.mp3"),
        ("/srv/music", "/mnt/nas"),
        ("/srv/musical/a.mp3", "/other/musical/a.mp3"),
        ("/elsewhere/a.mp3", "/elsewhere/a.mp3"),
        ("/srv/music/\udcff.mp3", "/mnt/nas/\udcff.mp3"),
    ):
        assert to_local(Path(shared)) == Path(local)
        assert to_shared(Path(local)) == Path(shared)


def run(home: Path, folder: Path, path_map: str = "") -> int:
    variables = {"SORI_HOME": str(home), "SORI_PATH_MAP": path_map}
    return preprocess([str(folder), "--jobs", "1"], variables=variables, load_pipeline=FakePipeline)


def test_a_scan_on_another_machine_knows_the_files(
    tmp_path: Path, music: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(home, music) == ALL_READ
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(music, elsewhere)  # with the times of the files, as a network disk shows them
    assert run(home, elsewhere, f"{music}={elsewhere}") == ALL_READ
    assert "6 files are unchanged" in capsys.readouterr().out
    catalogue = open_catalogue(home)
    paths = {path for path in tracks(catalogue) if path}
    assert len(paths) == 6 and all(path.is_relative_to(elsewhere) for path in paths)
    use_path_map(())
    assert all(path.is_relative_to(music) for path in tracks(catalogue) if path)
    catalogue.close()


def tracks(catalogue: Catalogue) -> list[Path | None]:
    with catalogue.session() as session:
        return list(session.scalars(select(Track.path)))


def test_folders_of_scans_are_translated_too(catalogue: Catalogue) -> None:
    use_path_map([(Path("/srv/music"), Path("/mnt/nas"))])
    scans = Scans(catalogue)
    scans.add(Scan.of([Path("/mnt/nas/rock")]))
    with catalogue.session() as session:
        assert "/srv/music/rock" in str(session.scalar(text("SELECT folders FROM scans")))
    assert scans.folders() == [Path("/mnt/nas/rock")]
    (waiting,) = scans.waiting()
    assert waiting.folders == ["/mnt/nas/rock"] and scans.folders_of(waiting.id) == [Path("/mnt/nas/rock")]
