"""`main.py serve`: a small process that starts and watches gunicorn, which serves pages, and the engine.

It opens the address and the database before it starts anything, so that what is wrong becomes one sentence. The engine
starts after the first page can be served, and again when it dies. When gunicorn ends, everything ends. Both children
end when this process does, even by `kill -9` (`jobs.parent_process`).
"""

from __future__ import annotations

import errno
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress

from environment import Environment, to_variables
from jobs.queue.song_files.opening import open_song_files
from library.catalogue.database import open_catalogue, reason_of
from library.catalogue.private_files import UMASK
from ml.paths import ROOT
from ml.report.errors import SoriError

LOG = logging.getLogger(__name__)
ENGINE = (sys.executable, str(ROOT / "main.py"), "work", "--end-with-parent")
MAINTENANCE = (sys.executable, "-m", "jobs.cluster.maintenance", "--without-workers")
"""In the place of the engine where a broker wakes the workers of many machines."""

GRACE_SECONDS = 30.0
"""How long children may take to end before they are killed."""
STABLE_SECONDS = 60.0
"""An engine that ran this long had started well: when it dies, the next one starts without a growing delay."""
LONGEST_DELAY_SECONDS = 60.0
_POLL_SECONDS = 0.1
BACKLOG = 512


class PortTakenError(SoriError):
    code = "address"
    sentence = (
        "Port {port} of {host} is in use. Stop the program that uses it, or choose another port with --port or "
        "SORI_PORT."
    )


class NoAddressError(SoriError):
    code = "address"
    sentence = "Sori cannot listen on {host} port {port}: {reason}"


class HomeError(SoriError):
    code = "home"
    sentence = "{home} cannot be written to: {reason}. Choose another folder with SORI_HOME."


class Child:
    """A process that ends when its end of a socket pair closes, and that reports through it when it is ready."""

    def __init__(self, command: Sequence[str], variables: dict[str, str], *, keep: tuple[int, ...] = ()) -> None:
        self._socket, childs_end = socket.socketpair()
        self.started_at = time.monotonic()
        with childs_end:
            # A session of its own: Ctrl-C at the terminal reaches only the parent, which then ends the children.
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                command, stdin=childs_end.fileno(), cwd=ROOT, env=variables, pass_fds=keep, start_new_session=True
            )

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def is_ready(self, seconds: float) -> bool:
        return bool(select.select([self._socket], [], [], seconds)[0]) and self._socket.recv(1) != b""

    def ask_to_end(self) -> None:
        if self.code is None:
            self._process.terminate()

    def end(self, until: float) -> None:
        """Wait for its end until then, and kill it after that."""
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            LOG.warning("process %s did not end and is killed", self._process.pid)
            # With its own children, which are in its session.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._socket.close()


class Supervisor:
    """Runs both children until a signal asks for the end."""

    def __init__(self, environment: Environment, variables: Mapping[str, str], engine: Sequence[str]) -> None:
        self._environment, self._engine_command = environment, engine
        self._variables = {**variables, **to_variables(environment)}
        if environment.broker_url:  # the workers of `main.py work` analyse; the address of the web process has /healthz
            self._engine_command = MAINTENANCE
            self._variables["SORI_WORKER_PORT"] = "0"
        self._signals = 0
        self._engine: Child | None = None
        self._engine_starts_at = 0.0
        self._delay = 1.0

    def run(self, announce: Callable[[str], None]) -> int:
        with listen(self._environment.host, self._environment.port) as listener:
            prepare(self._environment)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, self._on_signal)
            address = address_of(listener)
            web = Child(web_command(listener.fileno()), self._variables, keep=(listener.fileno(),))
        # Only gunicorn holds the socket from here: when it stops listening, connections are refused at once.
        try:
            while not self._signals and web.code is None and not web.is_ready(_POLL_SECONDS):
                pass
            if not self._signals and web.code is None:
                announce(address)
            while not self._signals and web.code is None:
                self._keep_engine_running()
                time.sleep(_POLL_SECONDS)
        finally:
            code = self._end(web)
        return 0 if self._signals else code

    def _on_signal(self, number: int, frame: object) -> None:
        self._signals += 1
        if self._signals > 1:  # a second signal ends everything now; the next start queues running analyses again
            raise KeyboardInterrupt

    def _keep_engine_running(self) -> None:
        if self._engine is None and time.monotonic() >= self._engine_starts_at:
            self._engine = Child(self._engine_command, self._variables)
        elif self._engine is not None and self._engine.code is not None:
            seconds = time.monotonic() - self._engine.started_at
            self._delay = 1.0 if seconds > STABLE_SECONDS else min(2 * self._delay, LONGEST_DELAY_SECONDS)
            message = "the engine ended with code %s after %.0f s; it starts again in %.0f s"
            LOG.error(message, self._engine.code, seconds, self._delay)
            self._engine.end(0.0)
            self._engine, self._engine_starts_at = None, time.monotonic() + self._delay

    def _end(self, web: Child) -> int:
        code = web.code
        children = [child for child in (web, self._engine) if child is not None]
        for child in children:
            child.ask_to_end()
        until = time.monotonic() + GRACE_SECONDS
        try:
            for child in children:
                child.end(until)
        except KeyboardInterrupt:
            for child in children:
                child.end(0.0)
        return code if code is not None and code >= 0 else 1


def serve(
    environment: Environment,
    variables: Mapping[str, str],
    announce: Callable[[str], None],
    *,
    engine: Sequence[str] = ENGINE,
) -> int:
    """Serve until asked to end; the exit code. Calls `announce` with the address once pages can be served."""
    os.umask(UMASK)  # the children inherit it
    return Supervisor(environment, variables, engine).run(announce)


def listen(host: str, port: int) -> socket.socket:
    """The listening socket for gunicorn. From now on clients that connect wait for it instead of being refused."""
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(host=host, port=str(port)) from error
        raise NoAddressError(host=host, port=str(port), reason=error.strerror or str(error)) from error
    return listener


def prepare(environment: Environment) -> None:
    """Check that the home can be written to and the storage be used, and create or upgrade the database."""
    try:
        environment.home.mkdir(parents=True, exist_ok=True)
        probe = environment.home / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise HomeError(home=str(environment.home), reason=reason_of(error)) from error
    with closing(open_catalogue(environment.home, environment.database_url)) as catalogue:
        open_song_files(catalogue, environment.home, environment.storage_url, environment.cache_mb)


def address_of(listener: socket.socket) -> str:
    """The URL for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def web_command(listener: int) -> list[str]:
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:web.server.gunicorn_settings"]
    return [*gunicorn, "--bind", f"fd://{listener}", "web.app:create_app()"]
