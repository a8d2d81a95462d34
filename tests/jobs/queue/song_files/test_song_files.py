"""What every place for the files of uploads does in the same way: the home, a shared folder and S3."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.queue.ids import new_id
from jobs.queue.song_files.cache import SongCache
from jobs.queue.song_files.interface import StorageAwayError
from jobs.queue.song_files.local import LocalFiles
from jobs.queue.song_files.remote import RemoteFiles
from ml.report.errors import NotFoundError
from tests.ports import free_port
from tests.s3 import BUCKET, S3Server

Files = LocalFiles | RemoteFiles
SONG = bytes(range(256)) * 40


@pytest.fixture
def arrived(tmp_path: Path) -> Callable[..., Path]:
    """A file that has arrived completely."""

    def write(content: bytes = SONG) -> Path:
        path = tmp_path / new_id()
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def one(files: Files, arrived: Callable[..., Path]) -> str:
    """An upload that is stored."""
    analysis_id = new_id()
    files.store(analysis_id, "song", arrived())
    return analysis_id


def test_a_file_moves_into_its_place(files: Files, arrived: Callable[..., Path]) -> None:
    one, path = new_id(), arrived()
    files.store(one, "song", path)
    assert not path.exists()
    assert files.names(one) == {"song"} and files.read(one, "song") == SONG
    status = files.status(one, "song")
    assert status.size == len(SONG) and status.modified > 1_700_000_000


@pytest.mark.parametrize(
    ("start", "stop"), [(0, None), (0, 10), (100, 101), (10_000, None), (10_200, 99_999), (5, 5), (0, 0)]
)
def test_a_part_is_read(files: Files, one: str, start: int, stop: int | None) -> None:
    assert files.read(one, "song", start, stop) == SONG[start:stop]


def test_what_is_missing_is_not_found(files: Files, one: str) -> None:
    for analysis_id, name in ((new_id(), "song"), (one, "peaks.json")):
        with pytest.raises(FileNotFoundError):
            files.read(analysis_id, name)
        with pytest.raises(FileNotFoundError):
            files.status(analysis_id, name)
    assert files.names(new_id()) == set()


def test_what_is_written_in_the_working_folder_is_stored(files: Files, one: str) -> None:
    with files.working_folder(one, "song") as folder:
        assert (folder / "song").read_bytes() == SONG
        (folder / "peaks.json").write_text("[1]")
        (folder / "chromagram.png").write_bytes(b"PNG")
    assert files.names(one) == {"song", "peaks.json", "chromagram.png"}
    assert files.read(one, "peaks.json") == b"[1]" and files.read(one, "song") == SONG


def test_a_second_analysis_replaces_the_results(files: Files, one: str) -> None:
    for text in ("[1]", "[2]"):
        with files.working_folder(one, "song") as folder:
            (folder / "peaks.json").write_text(text)
    assert files.read(one, "peaks.json") == b"[2]"


def test_results_are_copied_between_analyses(files: Files, one: str, arrived: Callable[..., Path]) -> None:
    other = new_id()
    files.store(other, "song", arrived(b"another song"))
    with files.working_folder(one, "song") as folder:
        (folder / "peaks.json").write_text("[1]")
    files.copy(one, other, ["peaks.json", "spectrogram.png"])
    assert files.names(other) == {"song", "peaks.json"}
    assert files.read(other, "song") == b"another song" and files.read(other, "peaks.json") == b"[1]"


def test_deleting_leaves_no_file_and_no_other_analysis_alone(
    files: Files, one: str, arrived: Callable[..., Path], tmp_path: Path
) -> None:
    other = f"{one[:-1]}_"  # all but the same name
    longer = f"{one}x"
    for analysis_id in (other, longer):
        files.store(analysis_id, "song", arrived())
    with files.working_folder(one, "song") as folder:
        (folder / "peaks.json").write_text("[1]")
    files.delete(one)
    files.delete(one)
    assert files.names(one) == set()
    assert [files.read(analysis_id, "song") for analysis_id in (other, longer)] == [SONG, SONG]
    assert not any(one == path.name for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("address", ["..", ".", "", "/", "../canary", "a/b", "a\0", "a" * 33, "\n", "é", "*", "s3://x"])
def test_no_text_leads_out_of_the_place(files: Files, one: str, tmp_path: Path, address: str) -> None:
    """Every path of these lies in the test's own folder."""
    canary = tmp_path / "canary"
    canary.write_bytes(b"alive")
    calls: list[Callable[[], object]] = [
        lambda: files.delete(address),
        lambda: files.names(address),
        lambda: files.read(address, "song"),
        lambda: files.status(address, "song"),
        lambda: files.store(address, "song", canary),
        lambda: files.path(address, "song"),
        lambda: files.copy(address, one, ["song"]),
        lambda: files.copy(one, address, ["song"]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="no address"):
            call()
    assert canary.read_bytes() == b"alive" and files.read(one, "song") == SONG


def test_files_travel_to_other_processes(files: Files, one: str) -> None:
    again = pickle.loads(pickle.dumps(files))
    assert again == files and again.read(one, "song") == SONG


def test_a_place_that_works_passes_the_check_and_keeps_nothing_of_it(files: Files, one: str) -> None:
    files.check()
    assert files.names(one) == {"song"} and files.ids() - {one} == set()


# --- elsewhere ---------------------------------------------------------------------------------------


def test_objects_are_below_the_address(remote: RemoteFiles, s3: S3Server, arrived: Callable[..., Path]) -> None:
    one = new_id()
    remote.store(one, "song", arrived())
    assert s3.objects() == {f"sori/database/{one}/song"}
    assert remote.ids() == {one}


def test_deleting_spares_what_is_not_an_upload(remote: RemoteFiles, s3: S3Server, arrived: Callable[..., Path]) -> None:
    from moto.s3.models import s3_backends

    one = new_id()
    remote.store(one, "song", arrived())
    others = {"sori/database", "sori/other/song", f"sori/database/{one}", f"sori/database/{one}/deeper/song", "x"}
    for key in others:
        s3_backends["123456789012"]["aws"].put_object(BUCKET, key, b"alive")
    remote.delete(one)
    assert s3.objects() == others


def test_a_link_in_a_shared_folder_is_not_followed(tmp_path: Path, cache: SongCache) -> None:
    pytest.importorskip("fsspec", reason="needs the packages of requirements-cluster.txt")
    (tmp_path / "share").mkdir()
    shared = RemoteFiles(f"file://{tmp_path}/share/database", cache)
    shared.prepare()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/canary").touch()
    (tmp_path / "share/database/link").symlink_to(tmp_path / "elsewhere")
    shared.delete("link")
    assert (tmp_path / "elsewhere/canary").exists()


def test_a_shared_folder_that_is_not_mounted_is_away(
    tmp_path: Path, cache: SongCache, arrived: Callable[..., Path]
) -> None:
    """Nothing is written into the empty folder in its place."""
    pytest.importorskip("fsspec", reason="needs the packages of requirements-cluster.txt")
    (tmp_path / "share").mkdir()
    shared, path = RemoteFiles(f"file://{tmp_path}/share/database", cache), arrived()
    for call in (shared.check, lambda: shared.store(new_id(), "song", path)):
        with pytest.raises(StorageAwayError):
            call()
    assert list((tmp_path / "share").iterdir()) == [] and path.read_bytes() == SONG


def test_a_bucket_that_is_missing_is_away(remote: RemoteFiles, s3: S3Server, arrived: Callable[..., Path]) -> None:
    s3.remove_bucket()
    path = arrived()
    for call in (remote.check, lambda: remote.store(new_id(), "song", path)):
        with pytest.raises(StorageAwayError):
            call()
    assert path.exists()


def test_a_storage_that_does_not_answer_is_away(
    s3: S3Server, cache: SongCache, arrived: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    away, path, one = RemoteFiles(f"s3://{BUCKET}/away", cache), arrived(), new_id()
    calls: list[Callable[[], object]] = [
        away.check,
        lambda: away.store(one, "song", path),
        lambda: away.names(one),
        lambda: away.read(one, "song"),
        lambda: away.delete(one),
    ]
    for call in calls:
        with pytest.raises(StorageAwayError):
            call()
    assert path.exists() and s3.objects() == set()


def test_results_of_an_analysis_that_failed_are_not_stored(remote: RemoteFiles, arrived: Callable[..., Path]) -> None:
    one = new_id()
    remote.store(one, "song", arrived())

    def fail() -> None:
        with remote.working_folder(one, "song") as folder:
            (folder / "peaks.json").write_text("[1]")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert remote.names(one) == {"song"}


def test_a_song_that_is_gone_has_no_working_folder(remote: RemoteFiles, arrived: Callable[..., Path]) -> None:
    """Whether it was gone before, or is deleted during its analysis."""
    one = new_id()
    with pytest.raises(NotFoundError), remote.working_folder(one, "song"):
        pass
    remote.store(one, "song", arrived())

    def analyse() -> None:
        with remote.working_folder(one, "song") as folder:
            remote.delete(one)
            (folder / "peaks.json").write_text("[1]")

    with pytest.raises(NotFoundError):
        analyse()
    assert remote.names(one) == set()


def test_no_message_holds_the_address(cache: SongCache) -> None:
    assert "secret" not in repr(RemoteFiles("s3://key:secret@bucket", cache))
