"""Starts the programs of the trial in order, waits until they work, and ends them in the opposite order."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from environment import Environment, to_variables
from jobs.cluster.messages import Messages
from jobs.cluster.trial import servers
from jobs.cluster.trial.program import Program
from jobs.cluster.trial.servers import HOST, Server, ServerError, free_port, last_line
from library.catalogue.database import NoDatabaseError, open_catalogue
from library.catalogue.private_files import private_umask
from ml.paths import ROOT
from ml.report.errors import SoriError

SERVER_SECONDS = 90.0
MODEL_SECONDS = 300.0
"""Workers load their models one beside the other, which takes a busy machine minutes."""
_POLL_SECONDS = 0.2
_STARTING = "engine_away"
"""Among the problems that `/healthz` names while no worker has started yet."""


class FolderError(SoriError):
    code = "folder"
    sentence = "{folder} is in use by another trial, or belongs to another user. Choose another with --folder."


@contextmanager
def folder_of_its_own(folder: Path) -> Iterator[int]:
    """Make the folder and lock it. Programs inherit the lock: those of a killed trial hold it until they have ended."""
    if not folder.exists():
        folder.mkdir(parents=True)
        # As root, PostgreSQL runs as another user, who must be able to enter; what is inside has modes of its own.
        folder.chmod(0o700 if os.geteuid() else 0o755)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.geteuid():
        raise FolderError(folder=str(folder))
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise FolderError(folder=str(folder)) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Cluster:
    """`address` is that of the balancer; None where there is none."""

    def __init__(self, folder: Path, environment: Environment, variables: Mapping[str, str], lock: int) -> None:
        self.folder, self._environment, self._lock = folder, environment, lock
        self._home = environment.home if variables.get("SORI_HOME") else folder / "home"
        self._servers: list[Program] = []
        self._programs: list[Program] = []
        # Open in this process and in those that watch the programs: the servers end after the last of them.
        self._servers_stdin, self._users = os.pipe()
        self._seen_to_end: set[str] = set()
        self._reason = ""
        self.logs = folder / "logs"
        self.address: str | None = None
        self.web_addresses: list[str] = []

    def start(self, ended: threading.Event) -> None:
        """Start everything and return when songs can be uploaded, or when `ended`."""
        with private_umask():
            self.logs.mkdir(exist_ok=True)
        database_url = self._environment.database_url or self._run_server(servers.postgresql(self.folder))
        broker_url = self._environment.broker_url
        if broker_url is None:
            for server in servers.broker(self.folder):
                broker_url = self._run_server(server)
        self._environment = replace(
            self._environment, home=self._home, database_url=database_url, broker_url=broker_url, host=HOST
        )
        self._wait(self._has_database, SERVER_SECONDS, ended)
        self._wait(self._has_broker, SERVER_SECONDS, ended)
        if not ended.is_set():
            self._start_sori()
        self._wait(self._is_healthy, MODEL_SECONDS, ended)

    def newly_ended(self) -> list[str]:
        """Programs that have ended by themselves since the last call."""
        names = [one.name for one in self._all if not one.is_running and one.name not in self._seen_to_end]
        self._seen_to_end.update(names)
        return names

    def end(self) -> None:
        """Servers last: workers finish their songs while the database is still there."""
        for program in reversed(self._programs):
            program.ask_to_end()
        for program in self._programs:
            program.wait()
        os.close(self._users)
        for server in self._servers:
            server.wait()
        os.close(self._servers_stdin)

    def kill(self) -> None:
        for program in self._all:
            program.kill()

    @property
    def _all(self) -> list[Program]:
        return self._servers + self._programs

    def _start_sori(self) -> None:
        ports = [free_port(), free_port()]
        balancer = servers.balancer(self.folder, self._environment.port, ports)
        proxies = max(1, self._environment.proxies) if balancer else self._environment.proxies
        self._environment = replace(self._environment, proxies=proxies, worker_port=free_port())
        variables = to_variables(self._environment)
        main = [sys.executable, str(ROOT / "main.py")]
        for number, port in enumerate(ports, 1):
            self._run(f"web{number}", [*main, "serve", "--port", str(port)], variables)
            self.web_addresses.append(f"http://{HOST}:{port}")
        for queue in ("uploads", "folders"):
            self._run(f"worker-{queue}", [*main, "work", "--queue", queue], variables)
        if balancer:
            self._run(balancer.name, balancer.command, balancer.variables)
            self.address = balancer.url

    def _run_server(self, server: Server) -> str:
        self._servers.append(
            Program(
                server.name,
                server.command,
                log=self._log(server.name),
                variables=server.variables,
                user=server.user,
                stop=server.stop,
                stdin=self._servers_stdin,
                keep=[self._lock],
            )
        )
        return server.url

    def _run(self, name: str, command: Sequence[str], variables: Mapping[str, str]) -> None:
        keep = [self._lock, self._users]
        self._programs.append(Program(name, command, log=self._log(name), variables=variables, keep=keep))

    def _log(self, name: str) -> Path:
        return self.logs / f"{name.lower()}.log"

    def _has_database(self) -> bool:
        """Whether it accepts connections; its tables are made on the way."""
        try:
            open_catalogue(self._home, self._environment.database_url).close()
        except NoDatabaseError as error:
            self._reason = str(error)
            return False
        return True

    def _has_broker(self) -> bool:
        messages = Messages(self._environment)
        is_reachable = messages.is_reachable()
        messages.close()
        self._reason = f"{self._environment.broker_url}".rpartition("@")[2]
        return is_reachable

    def _is_healthy(self) -> bool:
        worker = f"http://{HOST}:{self._environment.worker_port}"
        addresses = [*self.web_addresses, worker, *([self.address] if self.address else [])]
        found = [problems_at(address) for address in addresses]
        return all(problems is not None and _STARTING not in problems for problems in found)

    def _wait(self, is_ready: Callable[[], bool], seconds: float, ended: threading.Event) -> None:
        self._reason = str(self.logs)
        until = time.monotonic() + seconds
        while not ended.is_set() and not is_ready():
            for program in self._all:
                if not program.is_running:
                    raise ServerError(name=program.name, reason=last_line(program.log.read_text(errors="replace")))
            if time.monotonic() > until:
                raise ServerError(name="Sori", reason=self._reason)
            ended.wait(_POLL_SECONDS)


def problems_at(address: str) -> set[str] | None:
    """What `/healthz` names; None where there is no answer, or that the service is down."""
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as response:  # noqa: S310 - of this machine
            return set(json.load(response)["problems"])
    except (OSError, ValueError):
        return None
