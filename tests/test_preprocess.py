"""Folders to a library, through real processes and a real database; only the model is fake."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from library.catalogue.database import open_catalogue
from library.catalogue.tables import Track, TrackVectors
from tests.fakes import write_wav
from tests.ports import free_port
from tests.runs import descriptors, failures, run
from tests.sources import ROOT


def test_a_folder_is_analysed_once(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, music, "--jobs", "2") == 0
    assert capsys.readouterr().out == "6 files were analysed.\n"
    first = descriptors(home)
    assert {Path(path).name for path in first} == {f"노래 {number}.wav" for number in range(6)}
    assert run(home, music) == 0
    assert capsys.readouterr().out == "6 files are unchanged.\n"
    assert descriptors(home) == first


def test_moved_files_are_not_analysed_again(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert "1 files were analysed." in out and "3 files were moved, copied or touched." in out
    after = descriptors(home)
    assert after[str(moved)] == before[str(song)]
    assert after[str(music / "copy.wav")] == after[str(music / "disc 1/노래 1.wav")]
    assert str(song) not in after


def test_missing_files_are_removed_on_request(home: Path, music: Path) -> None:
    run(home, music)
    (music / "disc 0/노래 0.wav").unlink()
    run(home, music)
    assert len(descriptors(home)) == 6
    run(home, music, "--prune")
    assert len(descriptors(home)) == 5
    assert run(home, music / "elsewhere", "--prune") == 2
    assert len(descriptors(home)) == 5


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


def test_a_longer_limit_is_analysed_again(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(music / "long.wav", seconds=3)
    run(home, music)
    capsys.readouterr()
    run(home, music, SORI_MAX_SECONDS="2")
    assert "1 files were analysed." in capsys.readouterr().out


def test_new_vectors_need_no_new_analysis(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(home, music)
    before = descriptors(home)
    catalogue = open_catalogue(home)
    with catalogue.session() as session:
        for track in session.scalars(select(Track)):
            track.vectors_version = "older"
            session.get_one(TrackVectors, track.id).harmony = b"old"
        session.commit()
    catalogue.close()
    capsys.readouterr()
    assert run(home, music) == 0
    assert capsys.readouterr().out == "6 files were updated without a new analysis.\n"
    after = descriptors(home)
    assert after.keys() == before.keys()
    for path, vectors in before.items():  # the workers add up in other pieces than this process
        for one, other in zip(vectors, after[path], strict=True):
            np.testing.assert_allclose(np.frombuffer(one, "<f4"), np.frombuffer(other, "<f4"), atol=1e-6)


def test_celery_needs_a_broker(home: Path, music: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, music, "--engine", "celery") == 2
    assert capsys.readouterr().err == (
        "preprocess.py: --engine celery needs a broker: set SORI_BROKER_URL and SORI_DATABASE_URL. "
        "--engine local needs none.\n"
    )
    assert not home.exists()


def test_celery_needs_a_broker_that_answers_and_its_packages(
    home: Path, music: Path, postgresql: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"SORI_DATABASE_URL": postgresql, "SORI_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"}
    pytest.importorskip("celery", reason="needs requirements-cluster.txt")
    assert run(home, music, "--engine", "celery", **settings) == 2
    assert "The broker of SORI_BROKER_URL does not answer" in capsys.readouterr().err
    assert run(home, music, "--lang", "ko", "--engine", "celery", SORI_BROKER_URL="redis://127.0.0.1/0") == 2
    assert "SORI_BROKER_URL" in capsys.readouterr().err
    monkeypatch.setattr("jobs.cluster.app.find_spec", lambda name: None)
    assert run(home, music, "--engine", "celery", **settings) == 2
    assert "pip install -r requirements-cluster.txt" in capsys.readouterr().err


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


def test_a_playlist_has_no_repeats(home: Path, music: Path, tmp_path: Path) -> None:
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
