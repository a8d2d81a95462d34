"""The trial, with real servers: everything on one machine, and nothing left of it afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.cluster.trial import __main__ as trial
from jobs.cluster.trial import cluster, servers
from jobs.cluster.trial.program import Program
from tests.fakes import write_wav
from tests.ports import free_port
from tests.sources import ROOT


def wait_until(is_so: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.1)


def processes_of(folder: Path) -> list[str]:
    """Commands of processes that were started for this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, variables = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in command + variables and process.name != str(os.getpid()):
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def send(address: str, song: Path) -> str:
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{song.name}"\r\n\r\n'
    body = head.encode() + song.read_bytes() + f"\r\n--{mark}--\r\n".encode()
    request = urllib.request.Request(
        f"{address}/api/v1/analyses", body, {"Content-Type": f"multipart/form-data; boundary={mark}"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return str(json.load(response)["id"])


def analysis(address: str, analysis_id: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}/api/v1/analyses/{analysis_id}", timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One that the user of PostgreSQL can enter where the tests run as root, which pytest's own are not."""
    if os.geteuid():
        yield tmp_path_factory.mktemp("trial")
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="sori-trial-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    pytest.importorskip("celery", reason="needs requirements-cluster.txt")
    if servers.find_program("postgres") is None or servers.find_program("redis-server") is None:
        pytest.skip("needs PostgreSQL and Redis on this machine")
    started: list[subprocess.Popen[str]] = []

    def run() -> subprocess.Popen[str]:
        names = ("PATH", "HOME", "LD_LIBRARY_PATH")
        variables = {name: os.environ[name] for name in names if name in os.environ}
        variables |= {"LC_ALL": "C.UTF-8", "SORI_PORT": str(free_port()), "SORI_WORKERS": "1"}
        command = [sys.executable, "-m", "jobs.cluster.trial", "--folder", str(folder / "cluster")]
        process = subprocess.Popen(
            command, cwd=ROOT, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()
    wait_until(lambda: not processes_of(folder), 120)


def addresses_of(process: subprocess.Popen[str]) -> list[str]:
    """What the trial prints when songs can be uploaded."""
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if line.startswith("Sori runs at "):
            return [word.strip(",") for word in line.split() if word.startswith("http://")]
    raise AssertionError(output)


def test_a_song_goes_through_all_of_it_and_nothing_is_left(start: Start, folder: Path) -> None:
    process = start()
    addresses = addresses_of(process)
    first, last = addresses[0], addresses[-1]  # the same where there is a balancer
    analysis_id = send(first, write_wav(folder / "song.wav", seconds=2.0))
    wait_until(lambda: analysis(last, analysis_id)["state"] == "done", 120)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    assert processes_of(folder) == []


def test_killing_it_leaves_nothing(start: Start, folder: Path) -> None:
    process = start()
    wait_until(lambda: any("main.py serve" in command for command in processes_of(folder)) or process.poll())
    process.kill()
    process.wait()
    wait_until(lambda: not processes_of(folder), 120)


def test_servers_that_are_missing_are_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(servers, "find_program", lambda name: None)
    monkeypatch.setattr(trial.signal, "signal", lambda *_: None)
    code = trial.run(["--folder", str(folder / "cluster")], {"LC_ALL": "ko_KR.UTF-8"})
    error = capsys.readouterr().err
    assert code == 2 and "apt install postgresql redis-server haproxy" in error and "필요합니다" in error
    assert len(error.strip().splitlines()) == 1


def test_one_trial_at_a_time_has_a_folder(folder: Path) -> None:
    with (
        cluster.folder_of_its_own(folder / "one"),
        pytest.raises(cluster.FolderError),
        cluster.folder_of_its_own(folder / "one"),
    ):
        raise AssertionError("both have it")
    with cluster.folder_of_its_own(folder / "one"):
        pass


def test_a_link_is_no_folder_of_its_own(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "link").symlink_to(folder / "elsewhere")
    with pytest.raises(cluster.FolderError), cluster.folder_of_its_own(folder / "link"):
        raise AssertionError("through a link")
    assert list((folder / "elsewhere").iterdir()) == []


def test_the_password_is_made_once_and_is_private(folder: Path) -> None:
    password = servers.password_of(folder)
    assert len(password) == 48 and servers.password_of(folder) == password
    assert (folder / "password").stat().st_mode & 0o777 == 0o600


def test_what_others_must_not_read_is_in_no_command_line(folder: Path) -> None:
    if servers.find_program("redis-server") is None or servers.find_program("postgres") is None:
        pytest.skip("needs PostgreSQL and Redis on this machine")
    started = [*servers.broker(folder), servers.postgresql(folder)]
    password = servers.password_of(folder)
    assert all(password in server.url for server in started)
    assert not any(password in part for server in started for part in server.command)
    assert all((folder / name).stat().st_mode & 0o077 == 0 for name in ("redis.conf", "postgresql", "password"))


def test_a_program_that_ignores_everything_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.cluster.trial.program.END_SECONDS", -4.0)
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True)"
    command = [sys.executable, "-c", f"{stubborn}; time.sleep(600)", str(folder)]
    program = Program("stubborn", command, log=folder / "log")
    wait_until(lambda: "ready" in (folder / "log").read_text())
    program.ask_to_end()
    program.wait()
    assert not program.is_running
    wait_until(lambda: processes_of(folder) == [])


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    log = folder / "log"
    program = Program("Redis", [sys.executable, "-c", "raise SystemExit('no memory')"], log=log)
    wait_until(lambda: not program.is_running)
    assert servers.last_line(log.read_text()) == "no memory"
    program.ask_to_end()


def test_a_server_that_is_not_there_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "SERVER_SECONDS", 0.1)
    monkeypatch.setattr(trial.signal, "signal", lambda *_: None)
    url = f"postgresql://me@127.0.0.1:{free_port()}/none"
    variables = {"SORI_DATABASE_URL": url, "SORI_BROKER_URL": "redis://127.0.0.1:1", "LC_ALL": "C.UTF-8"}
    assert trial.run(["--folder", str(folder / "cluster")], variables) == 2
    assert "cannot be opened" in capsys.readouterr().err


def test_health_is_read_from_this_machine() -> None:
    assert cluster.problems_at(f"http://127.0.0.1:{free_port()}") is None
