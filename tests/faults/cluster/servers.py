"""A PostgreSQL, RabbitMQ or Redis of a test's own, which it may kill. The servers of this machine are left alone."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import create_engine, text

PROGRAMS = {
    "postgresql": "/usr/lib/postgresql/*/bin/pg_ctl",
    "amqp": "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "redis": "/usr/bin/redis-server",
}
LOCAL = "127.0.0.1"
_START_SECONDS = 120.0


def program(kind: str) -> Path | None:
    return next(map(Path, sorted(glob.glob(PROGRAMS[kind]), reverse=True)), None)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOCAL, 0))
        return int(listener.getsockname()[1])


def unprivileged(user: str) -> list[str]:
    """Neither PostgreSQL nor anything else of a test runs as root."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam(user)
    except KeyError:
        user = "nobody"
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]


def own(folder: Path, user: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, user)
        except LookupError:
            shutil.chown(folder, "nobody")
    return folder


def wait_until(is_ready: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex((LOCAL, port)) == 0


class PostgreSQL:
    """`address` is one more that it listens on."""

    def __init__(self, folder: Path, address: str = LOCAL) -> None:
        self.port = free_port()
        self._data = own(folder / "postgresql", "postgres")
        self._bin = program("postgresql")
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("host all all samenet trust\n")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"port = {self.port}\nlisten_addresses = '{','.join({LOCAL, address})}'\n")
            file.write(f"unix_socket_directories = '{self._data}'\nshared_buffers = '256MB'\nmax_wal_size = '4GB'\n")
        self.start()

    def url(self, address: str = LOCAL) -> str:
        return f"postgresql+psycopg://postgres@{address}:{self.port}/postgres"

    def create(self, name: str) -> str:
        """The address of a new empty database."""
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        return self.url().removesuffix("postgres") + name

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-l", str(self._data / "log"))

    def restart(self, pause_seconds: float = 0.0) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate")
        time.sleep(pause_seconds)
        self.start()

    def close(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate")

    def _run(self, name: str, *arguments: str) -> None:
        assert self._bin is not None
        command = [*unprivileged("postgres"), str(self._bin.parent / name), "-D", str(self._data), *arguments]
        subprocess.run(command, check=True, cwd=self._data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Broker:
    """A server in the foreground in a process group of its own."""

    kind = ""
    user = ""

    def __init__(self, folder: Path, address: str = LOCAL) -> None:
        self.port = free_port()
        self.folder, self.address = own(folder / self.kind, self.user), address
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with (self.folder.parent / f"{self.kind}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*unprivileged(self.user), *self.command()],
                env=self.variables(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(lambda: answers(self.port), _START_SECONDS, f"{self.kind} does not start")

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        wait_until(lambda: not answers(self.port), 30, f"{self.kind} does not end")

    close = kill

    def url(self, address: str = LOCAL) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def variables(self) -> dict[str, str]:
        return dict(os.environ)


class Redis(Broker):
    """Without persistence: a restart loses all messages."""

    kind, user = "redis", "redis"

    def url(self, address: str = LOCAL) -> str:
        return f"redis://{address}:{self.port}/0"

    def command(self) -> list[str]:
        addresses = sorted({LOCAL, self.address})
        options = ["--save", "", "--appendonly", "no", "--protected-mode", "no", "--dir", str(self.folder)]
        return [str(program("redis")), "--port", str(self.port), "--bind", *addresses, *options]


class RabbitMQ(Broker):
    kind, user = "amqp", "rabbitmq"

    def url(self, address: str = LOCAL) -> str:
        return f"amqp://guest:guest@{address}:{self.port}//"

    def command(self) -> list[str]:
        return [str(program("amqp"))]

    def variables(self) -> dict[str, str]:
        settings = self.folder / "rabbitmq.conf"
        if not settings.exists():
            lines = ["loopback_users = none"]
            lines += [f"listeners.tcp.{n} = {a}:{self.port}" for n, a in enumerate(sorted({LOCAL, self.address}), 1)]
            settings.write_text("\n".join(lines) + "\n")
            (self.folder / "plugins").write_text("[].\n")
            self._distribution_port = free_port()
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"sori-faults-{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(settings),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }


BROKERS: dict[str, type[Broker]] = {"amqp": RabbitMQ, "redis": Redis}
