"""The command line: what is printed where, with which exit code. Only the model is fake."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from werkzeug.security import check_password_hash

import main
from environment import read_environment
from tests.fakes import FakePipeline, write_wav
from tests.sources import ROOT
from web.access.credentials import fingerprint

# The real `main()`, in a process of its own, with a fake in place of the model.
PROGRAM = [sys.executable, "-c", "import main, sys, tests.fakes as f; sys.exit(main.main(pipeline=f.FakePipeline()))"]
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8"}


def run(*argv: str | Path, pipeline: FakePipeline | None = None, **variables: str) -> int:
    return main.run([str(arg) for arg in argv], variables=variables, pipeline=pipeline or FakePipeline())


def start(*argv: str | Path, **options: object) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([*PROGRAM, *map(str, argv)], cwd=ROOT, text=True, env=ENVIRONMENT, **pipes)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A hundred files, ten of them bad."""
    for number in range(90):
        write_wav(tmp_path / f"disc {number % 3}/{number:02}.wav", seconds=0.01)
    for number in range(10):
        (tmp_path / f"disc 1/bad {number}.mp3").write_text("no sound")
    return tmp_path


def test_a_song(wav: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyse", wav("song.wav", seconds=2)) == 0
    out, err = capsys.readouterr()
    assert out.startswith("song — Bob Marley  0:02\nSounds like reggae (62%), with some hip-hop.\n")
    assert err == ""


def test_a_song_in_korean(wav: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    song = wav("노래.wav")
    assert run("analyse", song, "--lang", "ko") == 0
    by_option = capsys.readouterr().out
    assert run("analyse", song, LANG="ko_KR.UTF-8") == 0
    assert capsys.readouterr().out == by_option
    assert "레게처럼 들려요" in by_option


def test_a_folder_with_bad_files(album: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyse", album) == 1
    out, err = capsys.readouterr()
    assert out.count("Sounds like") == 90
    reasons = err.splitlines()
    assert [reason.split(": ")[0] for reason in reasons] == [str(album / f"disc 1/bad {n}.mp3") for n in range(10)]
    assert all("could not be read as audio" in reason for reason in reasons)


def test_a_folder_as_json(album: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyse", album, "--json") == 1
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["file"] for line in lines] == sorted(str(path) for path in album.rglob("*.*"))
    failures = [line for line in lines if "error" in line]
    assert len(failures) == 10
    assert all(set(line) == {"file", "error"} and set(line["error"]) == {"code", "message"} for line in failures)
    assert sum(line.get("schema") == 1 for line in lines) == 90
    assert err == ""


def test_a_named_file_is_tried_whatever_it_is_called(wav: Callable[..., Path], pipeline: FakePipeline) -> None:
    song = wav("song.bin")
    assert run("analyse", song, "missing.mp3", pipeline=pipeline) == 1
    assert pipeline.analysed == [song, Path("missing.mp3")]


def test_a_bug_costs_one_file(wav: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyse", wav("bomb.wav"), wav("song.wav")) == 1
    out, err = capsys.readouterr()
    assert out.startswith("song")
    assert err.splitlines() == [f"{wav('bomb.wav')}: internal error: ZeroDivisionError: a bug [31m"]


def test_debugging_shows_the_traceback(wav: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyse", wav("bomb.wav"), SORI_DEBUG="1") == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "raise ZeroDivisionError" in err


@pytest.mark.parametrize("argv", [["dance"], ["analyse"], ["analyse", "a.wav", "--lang", "fr"], ["--frobnicate"]])
def test_wrong_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*argv) == 2
    assert "usage: main.py" in capsys.readouterr().err


def test_nothing_to_analyse(tmp_path: Path, pipeline: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cover.jpg").touch()
    assert run("analyse", tmp_path, pipeline=pipeline) == 2
    assert f"There is no audio file in {tmp_path}." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "variables", "name"),
    [
        (["analyse", "a.wav"], {"SORI_MAX_SECONDS": "soon"}, "SORI_MAX_SECONDS"),
        (["serve"], {"SORI_GENRE_WEIGHTS": "nowhere.keras"}, "SORI_GENRE_WEIGHTS"),
        ([], {"SORI_DEBUG": "maybe"}, "SORI_DEBUG"),
        (["analyse", "a.wav", "--max-seconds", "-1"], {}, "--max-seconds"),
    ],
)
def test_a_wrong_setting_stops_the_start(
    argv: list[str], variables: dict[str, str], name: str, pipeline: FakePipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv, pipeline=pipeline, **variables) == 2
    assert name in capsys.readouterr().err
    assert pipeline.analysed == []


def test_the_cap_on_seconds(wav: Callable[..., Path], pipeline: FakePipeline) -> None:
    song = wav("song.wav")
    for argv, variables, seconds in [
        ([], {}, 1200.0),
        ([], {"SORI_MAX_SECONDS": "60"}, 60.0),
        (["--max-seconds", "30"], {"SORI_MAX_SECONDS": "60"}, 30.0),
    ]:
        assert run("analyse", song, *argv, pipeline=pipeline, **variables) == 0
        assert pipeline.limits is not None
        assert pipeline.limits.max_seconds == seconds


def test_a_password_becomes_a_hash(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse\n"))
    assert run("password") == 0
    found = re.fullmatch(r"SORI_PASSWORD_HASH='(.+)'\n", capsys.readouterr().out)
    assert found and check_password_hash(found[1], "correct horse")
    assert read_environment({"SORI_PASSWORD_HASH": found[1]}).password_hash == found[1]


def test_a_short_password_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("1234567\n"))
    assert run("password") == 2
    assert "8 characters" in capsys.readouterr().err


def test_a_key_is_shown_once_and_kept_as_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("key", "script") == 0
    out = capsys.readouterr().out
    key, entry = re.findall(r"(sori_\S+|script:\S+)", out)
    assert key not in entry
    assert read_environment({"SORI_API_KEYS": entry}).api_keys == {fingerprint(key): "script"}


def test_a_key_needs_a_plain_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("key", "a:b") == 2
    assert capsys.readouterr().out == ""


def test_the_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert capsys.readouterr().out == f"Sori {project['version']}\n"


def test_ctrl_c_ends_quietly(wav: Callable[..., Path]) -> None:
    program = start("analyse", wav("song.wav"), wav("stop.wav"), wav("song.wav"), "--json")
    out, err = program.communicate(timeout=60)
    assert program.returncode == 130
    assert len(out.splitlines()) == 1
    assert err == ""


def test_a_closed_pipe_ends_quietly(wav: Callable[..., Path]) -> None:
    program = start("analyse", *[wav("song.wav")] * 5, "--json")
    assert program.stdout is not None
    assert program.stderr is not None
    program.stdout.close()
    assert program.wait(timeout=60) == 141
    assert program.stderr.read() == ""
    program.stderr.close()


def test_the_bar_is_for_terminals_only(wav: Callable[..., Path]) -> None:
    """The bar goes to the terminal, the answer to the pipe, and the bar is gone at the end."""
    here, there = pty.openpty()
    program = start("analyse", wav("song.wav"), wav("next.wav"), stderr=there)
    out, _ = program.communicate(timeout=60)
    os.close(there)
    shown = os.read(here, 65536).decode()
    os.close(here)
    assert program.returncode == 0
    assert re.search(r"0/2 [^\r]* song\.wav", shown)
    assert re.search(r"1/2 [^\r]* next\.wav", shown)
    assert re.search(r"\r +\r+$", shown)  # the line is blank again
    assert "\x1b" not in shown
    assert "\x1b" not in out
    assert out.count("Sounds like") == 2


def test_names_that_are_no_utf8_are_printed(tmp_path: Path) -> None:
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[2J.wav"))
    write_wav(strange)
    program = start("analyse", tmp_path, "--json")
    out, err = program.communicate(timeout=60)
    assert program.returncode == 0, err
    assert json.loads(out)["file"] == str(strange)
    assert "\x1b" not in out


def test_preprocess_names_a_missing_folder() -> None:
    command = [sys.executable, "preprocess.py", "music"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.count("\n") + done.stderr.count("\n") == 1
