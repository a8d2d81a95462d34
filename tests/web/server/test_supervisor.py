"""`main.py serve` with real processes on a free port, none of which may outlive its test."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import write_wav
from tests.ports import free_port
from tests.sources import ROOT

STUB = "import os, time; from jobs import parent_process as p; p.on_parent_exit(lambda: os._exit(0)); time.sleep(600)"
"""An engine that only runs, for tests of the rest of the service: the real one takes seconds to load."""
WITH_ENGINE = (
    "import os, sys; from environment import read_environment as read; from web.server import logs, supervisor; "
    "logs.set_up('serve'); sys.exit(supervisor.serve(read(os.environ), os.environ, print, engine=sys.argv[1:]))"
)


class Service:
    """A service in a home of its own, with its log."""

    def __init__(self, home: Path, log: Path, port: int) -> None:
        self.home, self.log, self.port = home, log, port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *argv: str, engine: tuple[str, ...] | None = None, **settings: str) -> Service:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("SORI_")}
        variables |= {"SORI_HOME": str(self.home), "SORI_PORT": str(self.port), "LC_ALL": "C.UTF-8", **settings}
        variables["PYTHONPATH"] = str(ROOT)
        command = [sys.executable, str(ROOT / "main.py"), *argv]
        if engine is not None:
            command = [sys.executable, "-c", WITH_ENGINE, *engine]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.home.parent, env=variables, stdout=log, stderr=log)
        return self

    def get(self, path: str = "/", **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def wait_for(self, is_so: Callable[[], Any], seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < until, self.text()
            time.sleep(0.05)

    def up(self) -> Service:
        self.wait_for(lambda: f"http://127.0.0.1:{self.port}" in self.text() or self.code is not None)
        assert self.code is None, self.text()
        return self

    @property
    def code(self) -> int | None:
        assert self.process is not None
        return self.process.poll()

    def text(self) -> str:
        return self.log.read_text()

    def family(self) -> list[int]:
        """The ids of all processes that have this home in their environment."""
        mark = f"SORI_HOME={self.home}".encode()
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if mark in _read(path)]

    def part(self, text: str) -> list[int]:
        """The processes whose command holds the text."""
        return [pid for pid in self.family() if text.encode() in _read(Path(f"/proc/{pid}/cmdline"))]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path / "home", tmp_path / "log", free_port())
    yield service
    for pid in service.family():
        os.kill(pid, signal.SIGKILL)
    if service.process is not None:
        service.process.wait()


pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")
STUB_ENGINE = (sys.executable, "-c", STUB)


def test_it_serves_and_ends_on_sigterm(service: Service) -> None:
    service.start(engine=STUB_ENGINE).up()
    status, page = service.get("/")
    assert status == 200 and "<form" in page
    service.wait_for(lambda: service.part("on_parent_exit"))
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(35) == 0
    assert service.family() == []
    assert "Traceback" not in service.text()


def test_a_follower_does_not_delay_the_end(service: Service) -> None:
    """The analysis stays queued, as this engine does nothing; a browser connects again once a server is back."""
    service.start(engine=STUB_ENGINE).up()
    song = write_wav(service.home.parent / "song.wav", seconds=1)
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    request = urllib.request.Request(
        f"http://127.0.0.1:{service.port}/api/v1/analyses",
        form + song.read_bytes() + b"\r\n--b--\r\n",
        {"Content-Type": "multipart/form-data; boundary=b"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        analysis_id = json.load(answer)["id"]
    address = f"http://127.0.0.1:{service.port}/api/v1/analyses/{analysis_id}/events"
    with urllib.request.urlopen(address, timeout=60) as events:
        assert b"queued" in events.readline()
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        started_at = time.monotonic()
        while events.readline():
            pass
        assert time.monotonic() - started_at < 10  # gunicorn itself would wait twice as long
    service.wait_for(lambda: service.code is not None)


def test_a_killed_parent_leaves_no_process(service: Service) -> None:
    service.start(engine=STUB_ENGINE).up()
    service.wait_for(lambda: service.part("on_parent_exit"))
    assert len(service.family()) >= 4  # the parent, gunicorn's two, the engine
    assert service.process is not None
    service.process.kill()
    service.wait_for(lambda: not service.family(), 30)


def test_the_real_engine_runs_and_ends_with_its_parent(service: Service) -> None:
    """It gives signs of life, and a `kill -9` of the parent ends it and its worker processes too."""
    service.start(SORI_WORKERS="1").up()
    service.wait_for(lambda: json.loads(service.get("/healthz")[1])["status"] == "ok", 120)
    assert service.process is not None
    service.process.kill()
    service.wait_for(lambda: not service.family(), 60)


def test_an_engine_that_dies_is_started_again(service: Service) -> None:
    service.start(engine=(sys.executable, "-c", "import sys; print('engine here', flush=True); sys.exit(7)")).up()
    service.wait_for(lambda: service.text().count("engine here") >= 2, 30)
    assert "the engine ended with code 7" in service.text()
    assert service.get("/")[0] == 200


def test_everything_ends_with_gunicorn(service: Service) -> None:
    service.start(engine=STUB_ENGINE).up()
    service.wait_for(lambda: service.part("on_parent_exit"))
    os.kill(min(service.part("web.server.gunicorn_settings")), signal.SIGKILL)
    assert service.process is not None
    assert service.process.wait(40) == 1
    service.wait_for(lambda: not service.family(), 30)


def test_ctrl_c_shows_no_traceback(service: Service) -> None:
    service.start(engine=STUB_ENGINE).up()
    assert service.process is not None
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(35) == 0
    assert "Traceback" not in service.text() and "KeyboardInterrupt" not in service.text()


def test_a_port_in_use_is_one_sentence(service: Service) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", service.port))
        other.listen()
        service.start("serve")
        assert service.process is not None
        assert service.process.wait(30) == 2
    assert service.text().splitlines() == [
        f"main.py: Port {service.port} of 127.0.0.1 is in use. "
        "Stop the program that uses it, or choose another port with --port or SORI_PORT."
    ]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"SORI_HOME": "/proc/sori"}, "/proc/sori cannot be written to"),
        ({"SORI_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "database cannot be opened"),
        ({"SORI_HOST": "192.0.2.1"}, "192.0.2.1 port"),
        ({"SORI_PRIVATE": "1"}, "SORI_PRIVATE"),
    ],
)
def test_a_failed_start_is_one_sentence(service: Service, settings: dict[str, str], sentence: str) -> None:
    service.start("serve", **settings)
    assert service.process is not None
    assert service.process.wait(30) == 2
    assert sentence in service.text() and len(service.text().splitlines()) == 1


def test_options_override_the_settings_of_host_and_port(service: Service) -> None:
    port, service.port = service.port, 1
    service.start("serve", "--host", "127.0.0.1", "--port", str(port), SORI_HOST="192.0.2.1")
    service.port = port
    assert service.up().get("/")[0] == 200


def test_a_refused_upload_is_answered(service: Service) -> None:
    """The error reaches a client that is still sending, although the server does not use what it sends."""
    service.start(engine=STUB_ENGINE, SORI_MIN_FREE_MB="10000000").up()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + bytes(20_000_000)
        + b"\r\n--x--\r\n"
    )
    request = urllib.request.Request(
        f"http://127.0.0.1:{service.port}/api/v1/analyses", body, {"Content-Type": "multipart/form-data; boundary=x"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value:
        assert refused.value.code == 507
        assert json.loads(refused.value.read())["error"]["code"] == "disk_full"


def test_the_log_holds_no_secrets(service: Service) -> None:
    service.start(engine=STUB_ENGINE).up()
    secret = "x" * 22
    service.get(f"/a/{secret}?q=love")
    service.wait_for(lambda: "route=/a/<analysis_id>" in service.text())
    line = next(line for line in service.text().splitlines() if "route=/a/" in line)
    assert "status=404" in line and "analysis=xxxxxx " in line and " id=" in line
    assert secret not in service.text() and "love" not in service.text()


def test_the_log_hides_requests_that_are_no_http(service: Service) -> None:
    """gunicorn itself would write their first line and the client's address."""
    service.start(engine=STUB_ENGINE).up()
    secret = "x" * 22
    heads = (f"GET /a/{secret}", f"GET /a/{secret} FTP/1.1", f"GET /a/{secret} HTTP/1.1\r\nHost : {secret}", "\0")
    for head in heads:
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
            client.sendall(f"{head}\r\n\r\n".encode())
            assert client.recv(1000).startswith((b"HTTP/1.1 400", b"HTTP/1.1 505"))
    service.wait_for(lambda: service.text().count("a request was not answered") == len(heads))
    log = service.text().replace(f"http://127.0.0.1:{service.port}", "")
    assert secret not in log and "127.0.0.1" not in log


def test_other_users_cannot_read_the_home(service: Service) -> None:
    service.home.mkdir(mode=0o755)
    service.start(engine=STUB_ENGINE).up()
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    song = write_wav(service.home.parent / "song.wav", seconds=1.0).read_bytes()
    address = f"http://127.0.0.1:{service.port}/api/v1/analyses"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    request = urllib.request.Request(address, form + song + b"\r\n--x--\r\n", kind)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 202
    entries = [path for path in service.home.rglob("*") if not path.is_symlink()]
    readable = {str(path.relative_to(service.home)) for path in entries if path.stat().st_mode & 0o077}
    assert len(entries) >= 6 and readable == set()
    assert service.home.stat().st_mode & 0o077  # its owner gave these rights


def test_children_get_the_settings_of_the_command(service: Service) -> None:
    """Children run in the program's folder. A relative home is that of the folder where the command was given."""
    service.home.parent.mkdir(exist_ok=True)
    service.start(engine=STUB_ENGINE, SORI_HOME="home", SORI_EXPIRE_HOURS="3")
    service.wait_for(lambda: f"http://127.0.0.1:{service.port}" in service.text())
    service.wait_for(lambda: service.part("on_parent_exit"))
    variables = _read(Path(f"/proc/{service.part('on_parent_exit')[0]}/environ")).split(b"\0")
    assert {f"SORI_HOME={service.home}".encode(), b"SORI_EXPIRE_HOURS=3", b"SORI_CONNECTIONS=4000"} <= set(variables)
