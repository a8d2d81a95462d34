"""Folders to a library, through real processes and a real database; only the ear is a small one."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

import preprocess
from library.catalogue import Descriptor, Track, open_catalogue
from library.ledger import read_failures
from tests.fakes import FakeEar, write_wav
from tests.sources import ROOT

PROGRAM = [
    sys.executable,
    "-c",
    "import preprocess, sys, tests.fakes as f; sys.exit(preprocess.main(wake=f.FakeEar))",
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Six songs in two folders."""
    for number in range(6):
        write_wav(tmp_path / f"music/disc {number % 2}/노래 {number}.wav", seconds=0.02, hz=200 + 20 * number)
    return tmp_path / "music"


def run(home: Path, *argv: str | Path, **variables: str) -> int:
    settings = {"SORI_HOME": str(home), **variables}
    return preprocess.run([str(arg) for arg in argv], variables=settings, wake=FakeEar)


def descriptors(home: Path) -> dict[str, tuple[bytes, bytes]]:
    """What the library holds, by path."""
    catalogue = open_catalogue(home)
    with catalogue.session() as session:
        rows = session.execute(
            select(Track.path, Descriptor.harmony, Descriptor.sound).join(
                Descriptor, Descriptor.track_id == Track.id
            )
        )
        found = {str(path): (harmony, sound) for path, harmony, sound in rows if path is not None}
    catalogue.close()
    return found


def failures(home: Path) -> dict[str, str]:
    catalogue = open_catalogue(home)
    found = {failure.path.name: failure.code for failure in read_failures(catalogue)}
    catalogue.close()
    return found


def test_a_folder_is_digested_once(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, music, "--jobs", "2") == 0
    assert capsys.readouterr().out == "6 files were heard.\n"
    first = descriptors(home)
    assert {Path(path).name for path in first} == {f"노래 {number}.wav" for number in range(6)}
    assert run(home, music) == 0
    assert capsys.readouterr().out == "6 files are as they were.\n"
    assert descriptors(home) == first


def test_what_moved_is_not_heard_again(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(home, music)
    before = descriptors(home)
    song = music / "disc 0/노래 0.wav"
    moved = song.rename(music / "renamed.wav")
    shutil.copy(music / "disc 1/노래 1.wav", music / "copy.wav")
    os.utime(music / "disc 1/노래 3.wav", (1, 1))
    write_wav(music / "disc 0/노래 2.wav", seconds=0.03)
    capsys.readouterr()
    assert run(home, music) == 0
    out = capsys.readouterr().out
    assert "1 files were heard." in out and "3 files were moved, copied or touched." in out
    after = descriptors(home)
    assert after[str(moved)] == before[str(song)]
    assert after[str(music / "copy.wav")] == after[str(music / "disc 1/노래 1.wav")]
    assert str(song) not in after


def test_the_gone_are_forgotten_on_request(home: Path, music: Path) -> None:
    run(home, music)
    (music / "disc 0/노래 0.wav").unlink()
    run(home, music)
    assert len(descriptors(home)) == 6
    run(home, music, "--prune")
    assert len(descriptors(home)) == 5
    assert run(home, music / "elsewhere", "--prune") == 2
    assert len(descriptors(home)) == 5


def test_a_hostile_folder_ends_in_the_ledger(
    home: Path, music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (music / "text.mp3").write_text("no sound")
    (music / "empty.flac").touch()
    (music / "nowhere.ogg").symlink_to(music / "gone.ogg")
    (music / "itself.ogg").symlink_to(music / "itself.ogg")
    (music / "loop").symlink_to(music)
    os.mkfifo(music / "pipe.wav")
    write_wav(music / "crash.wav")
    write_wav(music / "bomb.wav")
    broken = Path(os.fsdecode(os.fsencode(music) + b"/\xff\xfe broken.wav"))
    write_wav(broken, seconds=0.05)
    assert run(home, music) == 1
    assert failures(home) == {
        "text.mp3": "unreadable",
        "empty.flac": "unreadable",
        "nowhere.ogg": "not_found",
        "itself.ogg": "read_failed",
        "pipe.wav": "not_a_file",
        "crash.wav": "crashed",
        "bomb.wav": "internal",
    }
    assert len(descriptors(home)) == 7
    assert str(broken) in descriptors(home)
    capsys.readouterr()
    assert run(home, music, "--failures", "--lang", "ko") == 1
    out = capsys.readouterr().out
    assert "SIGKILL" in out and "\x1b" not in out
    assert len([line for line in out.splitlines() if "music/" in line]) == 7


def test_failures_are_tried_again_on_request(home: Path, music: Path) -> None:
    text = music / "text.wav"
    text.write_text("no sound")
    assert run(home, music) == run(home, music) == 1
    status = text.stat()
    text.write_bytes(b"RIFF no s"[: status.st_size])
    os.utime(text, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert run(home, music, "--retry-failed") == 1
    write_wav(text, seconds=0.04)
    assert run(home, music) == 0
    assert failures(home) == {}


def test_a_failed_file_loses_its_old_numbers(home: Path, music: Path) -> None:
    run(home, music)
    (music / "disc 0/노래 0.wav").write_text("no sound any more")
    assert run(home, music) == 1
    assert len(descriptors(home)) == 5


def test_a_cut_that_matters_is_heard_again(
    home: Path, music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(music / "long.wav", seconds=3)
    run(home, music)
    capsys.readouterr()
    run(home, music, SORI_MAX_SECONDS="2")
    assert "1 files were heard." in capsys.readouterr().out


def test_better_descriptors_need_no_listening(
    home: Path, music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(home, music)
    before = descriptors(home)
    catalogue = open_catalogue(home)
    with catalogue.session() as session:
        for track in session.scalars(select(Track)):
            track.described_with = "older"
            session.get_one(Descriptor, track.id).harmony = b"old"
        session.commit()
    catalogue.close()
    capsys.readouterr()
    assert run(home, music) == 0
    assert capsys.readouterr().out == "6 files were described anew without hearing them.\n"
    assert descriptors(home) == before


def start(home: Path, *argv: str | Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "SORI_HOME": str(home), "LC_ALL": "C.UTF-8"}
    return subprocess.Popen(
        [*PROGRAM, *map(str, argv)],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def count_heard(home: Path) -> int:
    return len(descriptors(home)) if (home / "library.db").exists() else 0


def test_a_killed_run_is_resumed(home: Path, tmp_path: Path) -> None:
    """kill -9 at three moments, then the rest: the same library as an undisturbed run."""
    for number in range(60):
        write_wav(tmp_path / f"music/{number:02}.wav", seconds=0.02, hz=100 + 10 * number)
    run(tmp_path / "undisturbed", tmp_path / "music")
    for enough in (1, 15, 30):
        process = start(home, tmp_path / "music", "--jobs", "1")
        while process.poll() is None and count_heard(home) < enough:
            time.sleep(0.01)
        process.kill()
        process.communicate()
    assert run(home, tmp_path / "music") == 0
    assert descriptors(home) == descriptors(tmp_path / "undisturbed")


def test_ctrl_c_keeps_what_is_finished(home: Path, tmp_path: Path) -> None:
    for number in range(400):
        write_wav(tmp_path / f"music/{number:03}.wav", seconds=0.01, hz=100 + number)
    process = start(home, tmp_path / "music", "--jobs", "1")
    while process.poll() is None and count_heard(home) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == ""
    assert 3 <= count_heard(home) < 400


def test_two_runs_at_once_do_not_meet(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import fcntl

    home.mkdir()
    with (home / "library.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert run(home, music) == 2
    assert "Another run" in capsys.readouterr().err
    assert run(home, music) == 0


def test_postgresql_serves_as_well(home: Path, music: Path, postgresql: str) -> None:
    assert run(home, music, SORI_DATABASE_URL=postgresql) == 0
    assert run(home, music, SORI_DATABASE_URL=postgresql) == 0
    assert not (home / "library.db").exists()


def test_export(home: Path, music: Path, tmp_path: Path) -> None:
    run(home, music)
    for name in ("library.csv", "library.json"):
        assert run(home, "--export", tmp_path / name) == 0
    with (tmp_path / "library.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    titles = {f"노래 {number}" for number in range(6)}
    assert {row["title"] for row in rows} == titles
    assert {row["title"] for row in json.loads((tmp_path / "library.json").read_text("utf-8"))} == titles
    assert run(home, "--export", tmp_path / "library.xls") == 2
    assert run(home, "--export", tmp_path / "no/library.csv") == 2


def test_a_playlist_walks_without_repeats(home: Path, music: Path, tmp_path: Path) -> None:
    run(home, music)
    assert run(home, "--playlist", "노래 3", "--length", "5", tmp_path / "out.m3u8") == 0
    lines = (tmp_path / "out.m3u8").read_text("utf-8").splitlines()
    paths = [line for line in lines if not line.startswith("#")]
    assert lines[0] == "#EXTM3U" and paths[0].endswith("노래 3.wav")
    assert len(paths) == len(set(paths)) == 5
    assert run(home, "--playlist", "nothing like it", tmp_path / "out.m3u8") == 2


def test_duplicates_are_listed(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(music / "disc 0/노래 0.wav", music / "again.wav")
    run(home, music)
    capsys.readouterr()
    assert run(home, "--duplicates") == 0
    names = {Path(line).name for line in capsys.readouterr().out.splitlines() if line}
    assert names == {"again.wav", "노래 0.wav"}


@pytest.mark.parametrize(
    "argv", [["--jobs", "0", "."], ["--engine", "celery", "."], [], ["--playlist", "x"], ["no such folder"]]
)
def test_nothing_starts_with_a_wrong_command(home: Path, argv: list[str]) -> None:
    assert run(home, *argv) == 2


def test_time_is_told_by_the_clock() -> None:
    assert [preprocess.clock(seconds) for seconds in (0, 65, 3700)] == ["0:00", "1:05", "1:01:40"]


def test_a_reader_that_leaves_ends_it_quietly(home: Path, music: Path) -> None:
    (music / "not sound.wav").write_text("text")
    run(home, music)
    environment = {**os.environ, "SORI_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "preprocess.py", "--failures"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    complaint = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), complaint) == (141, "")
