"""The copies of songs: bounded, complete, and safe from other processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from jobs.queue.song_files.cache import SongCache

SIZE = 1000


def content_of(analysis_id: str, size: int = SIZE) -> bytes:
    return (analysis_id.encode() * size)[:size]


def download_of(analysis_id: str, done: list[str] | None = None) -> Callable[[Path], None]:
    def download(path: Path) -> None:
        path.write_bytes(content_of(analysis_id))
        if done is not None:
            done.append(analysis_id)

    return download


def use(cache: SongCache, analysis_id: str, done: list[str] | None = None) -> None:
    with cache.use(analysis_id, "song", SIZE, download_of(analysis_id, done)) as folder:
        assert (folder / "song").read_bytes() == content_of(analysis_id)


def kept(cache: SongCache) -> list[str]:
    return sorted(path.name for path in cache.folder.iterdir() if not path.name.startswith("."))


def bytes_of(cache: SongCache) -> int:
    return sum(path.stat().st_size for path in cache.folder.rglob("*") if path.is_file())


@pytest.fixture
def small(tmp_path: Path) -> SongCache:
    """Room for three songs."""
    return SongCache(tmp_path / "cache", 3 * SIZE)


def test_a_song_is_downloaded_once(small: SongCache) -> None:
    done: list[str] = []
    for _ in range(3):
        use(small, "one", done)
    assert done == ["one"] and kept(small) == ["one"]


def test_the_song_that_was_unused_for_longest_goes_first(small: SongCache) -> None:
    for at, name in enumerate(("a", "b", "c")):
        use(small, name)
        os.utime(small.folder / name / "lock", (at, at))
    use(small, "a")
    use(small, "d")
    assert kept(small) == ["a", "c", "d"] and bytes_of(small) <= small.max_bytes


def test_a_song_in_use_stays(small: SongCache) -> None:
    """Also where songs in use exceed the bound, until they are used no longer."""
    with small.use("a", "song", SIZE, download_of("a")) as folder:
        for name in ("b", "c", "d", "e"):
            use(small, name)
        small.remove("a")
        small.remove_unknown(set())
        assert (folder / "song").read_bytes() == content_of("a") and kept(small) == ["a"]
        tight = SongCache(small.folder, SIZE // 2)
        use(tight, "b")
        assert kept(tight) == ["a"]
    use(tight, "c")
    assert kept(tight) == []


def test_a_download_that_fails_leaves_nothing(small: SongCache) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise ZeroDivisionError

    def stop_early(path: Path) -> None:
        path.write_bytes(b"half")

    for download, error in ((fail, ZeroDivisionError), (stop_early, OSError)):
        with pytest.raises(error), small.use("one", "song", SIZE, download):
            pass
        assert [path.name for path in (small.folder / "one").iterdir()] == ["lock"]
    use(small, "one")


def test_what_is_written_beside_a_song_is_not_kept(small: SongCache) -> None:
    with small.use("one", "song", SIZE, download_of("one")) as folder:
        (folder / "peaks.json").write_text("[]")
    assert sorted(path.name for path in (small.folder / "one").iterdir()) == ["lock", "song"]


def test_unknown_songs_are_removed(small: SongCache) -> None:
    for name in ("a", "b"):
        use(small, name)
    (small.folder / ".removed-before-a-crash").mkdir()
    small.remove_unknown({"b"})
    assert kept(small) == ["b"] and not (small.folder / ".removed-before-a-crash").exists()


@pytest.mark.parametrize("address", ["..", ".", "", "../canary", "a/b"])
def test_no_text_leads_out_of_the_cache(small: SongCache, tmp_path: Path, address: str) -> None:
    (tmp_path / "canary").mkdir()
    with pytest.raises(ValueError, match="no address"):
        small.remove(address)
    with pytest.raises(ValueError, match="no address"):
        use(small, address)
    assert (tmp_path / "canary").exists()


def download_half(cache: SongCache, pipe: Connection) -> None:
    def download(path: Path) -> None:
        with path.open("r+b") as file:
            file.write(content_of("one")[: SIZE // 2])
            file.flush()
            pipe.send("half")
            time.sleep(600)

    with cache.use("one", "song", SIZE, download):
        pass


def test_a_download_that_was_killed_is_not_used(small: SongCache) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=download_half, args=(small, theirs))
    process.start()
    assert ours.recv() == "half"
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    done: list[str] = []
    use(small, "one", done)
    assert done == ["one"]
    for name in ("b", "c", "d"):  # what it left counts, and goes with the song
        use(small, name)
    assert bytes_of(small) <= small.max_bytes and "one" not in kept(small)


def use_many(cache: SongCache, seed: int, pipe: Connection) -> None:
    for number in range(60):
        use(cache, f"song-{(number * (seed + 3)) % 7}")
    pipe.send("done")


def test_processes_share_a_cache(small: SongCache) -> None:
    """Seven songs in turn where three have room: every use sees a whole song, and the bound holds at the end."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for seed in range(3):
        ours, theirs = context.Pipe()
        processes.append(context.Process(target=use_many, args=(small, seed, theirs)))
        pipes.append(ours)
        processes[-1].start()
        theirs.close()
    assert [pipe.recv() for pipe in pipes] == ["done"] * 3
    for process in processes:
        process.join()
    small_again = SongCache(small.folder, small.max_bytes)
    use(small_again, "last")
    assert bytes_of(small) <= small.max_bytes and "last" in kept(small)
    assert not [path for path in small.folder.rglob(".*") if path.name != ".room"]
