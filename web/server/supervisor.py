"""`main.py serve`: gunicorn for the pages and an engine that hears, watched by a small process that does neither.

The address is taken and the database opened before anything is started, so that what is wrong is one sentence. The
engine starts after the first page can be had, and again when it dies; when gunicorn ends, all ends. Both children end
when this process does, even by `kill -9` (`jobs.parent_process`).
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
from contextlib import suppress

from environment import Environment
from library.catalogue.database import open_catalogue, reason_of
from ml.paths import ROOT
from ml.report.errors import SoriError

LOG = logging.getLogger(__name__)
ENGINE = (sys.executable, str(ROOT / "main.py"), "work", "--end-with-parent")

GRACE_SECONDS = 30.0
"""How long children may take to end before they are killed."""
CALM_SECONDS = 60.0
"""An engine that ran so long was well: when it dies, the next one starts at once."""
LONGEST_PAUSE_SECONDS = 60.0
_LOOK_SECONDS = 0.1
BACKLOG = 512


class AddressError(SoriError):
    code = "address"


class PortTakenError(AddressError):
    sentence = (
        "Port {port} of {host} is taken. End what uses it, or choose another one with --port or SORI_PORT."
    )


class NoAddressError(AddressError):
    sentence = "{host} port {port} cannot be listened on: {reason}"


class HomeError(SoriError):
    code = "home"
    sentence = "{home} cannot be written to: {reason}. Choose another folder with SORI_HOME."


class Child:
    """A process that holds the other end of a lifeline; it says through it when it is ready."""

    def __init__(
        self, command: Sequence[str], variables: dict[str, str], *, keep: tuple[int, ...] = ()
    ) -> None:
        self._line, theirs = socket.socketpair()
        self.started_at = time.monotonic()
        with theirs:
            # A session of its own: Ctrl-C at the terminal is for the parent, which then asks the children to end.
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                command, stdin=theirs.fileno(), cwd=ROOT, env=variables, pass_fds=keep, start_new_session=True
            )

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def is_ready(self, seconds: float) -> bool:
        return bool(select.select([self._line], [], [], seconds)[0]) and self._line.recv(1) != b""

    def ask_to_end(self) -> None:
        if self.code is None:
            self._process.terminate()

    def end(self, until: float) -> None:
        """Wait for its end, and bring it about when that takes too long."""
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            LOG.warning("process %s did not end and is killed", self._process.pid)
            # With its own children, which are in its session.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._line.close()


class Serving:
    """Both children and what is done about them, until somebody asks for the end."""

    def __init__(self, environment: Environment, variables: Mapping[str, str], engine: Sequence[str]) -> None:
        self._environment, self._engine_command = environment, engine
        self._variables = inherited(environment, variables)
        self._asked = 0
        self._engine: Child | None = None
        self._engine_at = 0.0
        self._pause = 1.0

    def run(self, announce: Callable[[str], None]) -> int:
        with listen(self._environment.host, self._environment.port) as listener:
            prepare(self._environment)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, self._ask)
            address = address_of(listener)
            web = Child(web_command(listener.fileno()), self._variables, keep=(listener.fileno(),))
        # From here the socket is gunicorn's alone: when it stops listening, nobody waits in vain.
        try:
            while not self._asked and web.code is None and not web.is_ready(_LOOK_SECONDS):
                pass
            if not self._asked and web.code is None:
                announce(address)
            while not self._asked and web.code is None:
                self._look_after_engine()
                time.sleep(_LOOK_SECONDS)
        finally:
            code = self._end(web)
        return 0 if self._asked else code

    def _ask(self, number: int, frame: object) -> None:
        self._asked += 1
        if self._asked > 1:  # somebody is impatient; what runs is queued again by the next start
            raise KeyboardInterrupt

    def _look_after_engine(self) -> None:
        if self._engine is None and time.monotonic() >= self._engine_at:
            self._engine = Child(self._engine_command, self._variables)
        elif self._engine is not None and self._engine.code is not None:
            lived = time.monotonic() - self._engine.started_at
            self._pause = 1.0 if lived > CALM_SECONDS else min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            LOG.error(
                "the engine ended with code %s after %.0f s; it starts again in %.0f s",
                self._engine.code,
                lived,
                self._pause,
            )
            self._engine.end(0.0)
            self._engine, self._engine_at = None, time.monotonic() + self._pause

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
    """Serve until asked to end; the exit code. `announce` is told the address as soon as pages can be had."""
    return Serving(environment, variables, engine).run(announce)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that gunicorn is handed; from now on nobody is refused."""
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
    """The home can be written to, and the database is there and up to date."""
    try:
        environment.home.mkdir(parents=True, exist_ok=True)
        probe = environment.home / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise HomeError(home=str(environment.home), reason=reason_of(error)) from error
    open_catalogue(environment.home, environment.database_url).close()


def address_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def web_command(listener: int) -> list[str]:
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:web.server.gunicorn_settings"]
    return [*gunicorn, "--bind", f"fd://{listener}", "web.app:create_app()"]


def inherited(environment: Environment, variables: Mapping[str, str]) -> dict[str, str]:
    """The settings for the children, which run in the program's folder: paths are whole, options went before."""
    told = dict(variables)
    told |= {
        "SORI_HOME": str(environment.home.absolute()),
        "SORI_HOST": environment.host,
        "SORI_PORT": str(environment.port),
        "SORI_API_KEYS": ",".join(f"{name}:{digest}" for digest, name in environment.api_keys.items()),
    }
    weights = {
        "SORI_GENRE_WEIGHTS": environment.genre_weights,
        "SORI_MOOD_WEIGHTS": environment.mood_weights,
    }
    told |= {name: str(path.absolute()) for name, path in weights.items() if path is not None}
    return told
