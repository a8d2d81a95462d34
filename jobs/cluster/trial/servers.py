"""The servers that the trial starts where no running ones are named: PostgreSQL, Redis or RabbitMQ, HAProxy.

They listen on this machine alone, with a password that is made for the folder of the trial, because other users of the
machine could connect too.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ml.paths import ROOT
from ml.report.errors import SoriError

HOST = "127.0.0.1"
USER = "sori"
BALANCER_SETTINGS = ROOT / "deploy/haproxy.cfg"
_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/rabbitmq/bin")
"""Where servers are besides the folders of PATH, which often has none for administrators."""
_POSTGRESQL_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


class MissingServersError(SoriError):
    code = "missing_servers"
    sentence = (
        "This needs PostgreSQL and either Redis or RabbitMQ. Install them (on Debian or Ubuntu: apt install "
        "postgresql redis-server haproxy), or set SORI_DATABASE_URL and SORI_BROKER_URL."
    )


class ServerError(SoriError):
    code = "server"
    sentence = "{name} did not start: {reason}"


@dataclass(frozen=True)
class Server:
    """How a server is started, and the address at which the others find it."""

    name: str
    command: Sequence[str]
    url: str
    variables: dict[str, str] = field(default_factory=dict)
    user: str = ""
    stop: signal.Signals = signal.SIGTERM


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def find_program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join([*_FOLDERS, *_postgresql_folders()]))


def _postgresql_folders() -> Iterator[str]:
    """The newest version first."""
    for pattern in _POSTGRESQL_FOLDERS:
        found = Path("/").glob(pattern.lstrip("/"))
        yield from map(str, sorted(found, key=lambda path: (len(str(path)), str(path)), reverse=True))


def password_of(folder: Path) -> str:
    """The password of the servers in this folder, made once."""
    path = folder / "password"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(24))
    return path.read_text()


def postgresql(folder: Path) -> Server:
    """A PostgreSQL with its data in this folder. It refuses to run as root, so then it runs as another user."""
    programs = [find_program(name) for name in ("initdb", "postgres")]
    if programs[0] is None or programs[1] is None:
        raise MissingServersError()
    user, data, port = _unprivileged_user(), folder / "postgresql", free_port()
    if not data.exists():
        _create_data(programs[0], folder, data, user)
    settings = {"port": str(port), "listen_addresses": HOST, "unix_socket_directories": ""}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    url = f"postgresql://{USER}:{password_of(folder)}@{HOST}:{port}/postgres"
    # SIGINT: connections are closed. By SIGTERM it would wait until their owners close them.
    return Server(
        "PostgreSQL", [programs[1], "-D", str(data), *options], url, {"LC_ALL": "C"}, user=user, stop=signal.SIGINT
    )


def _unprivileged_user() -> str:
    if os.geteuid() != 0:
        return ""
    names = {one.pw_name for one in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _create_data(initdb: str, folder: Path, data: Path, user: str) -> None:
    """Completely or not at all: the folder gets its name when everything in it is there."""
    new = Path(tempfile.mkdtemp(prefix="postgresql-", dir=folder))
    with tempfile.NamedTemporaryFile("w", dir=folder) as password:
        password.write(password_of(folder))
        password.flush()
        if user:
            shutil.chown(new, user)
            shutil.chown(password.name, user)
        command = [initdb, "-D", str(new), "--username", USER, "--pwfile", password.name]
        options = ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-instructions"]
        made = subprocess.run(
            [*command, *options], cwd="/", user=user or None, capture_output=True, text=True, check=False
        )
    if made.returncode:
        shutil.rmtree(new, ignore_errors=True)
        raise ServerError(name="PostgreSQL", reason=last_line(made.stderr))
    new.rename(data)


def broker(folder: Path) -> list[Server]:
    """Redis if it is installed, because it starts at once, else RabbitMQ with the daemon that it needs."""
    if redis := find_program("redis-server"):
        return [_redis(redis, folder)]
    rabbitmq, epmd = _rabbitmq_program(), find_program("epmd")
    if rabbitmq is None or epmd is None:
        raise MissingServersError()
    return _rabbitmq(rabbitmq, epmd, folder)


def _redis(program: str, folder: Path) -> Server:
    port, password = free_port(), password_of(folder)
    settings = folder / "redis.conf"
    lines = [f"bind {HOST}", f"port {port}", f"requirepass {password}", 'save ""', f'dir "{folder}"']
    _write_private(settings, lines)
    return Server("Redis", [program, str(settings)], f"redis://:{password}@{HOST}:{port}/0")


def _rabbitmq_program() -> str | None:
    """The server itself: what Debian has in PATH is a script that changes the user."""
    inner = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(inner) if inner.exists() else find_program("rabbitmq-server")


def _rabbitmq(program: str, epmd: str, folder: Path) -> list[Server]:
    port, password, home = free_port(), password_of(folder), folder / "rabbitmq"
    home.mkdir(mode=0o700, exist_ok=True)
    lines = [f"listeners.tcp.local = {HOST}:{port}", f"default_user = {USER}", f"default_pass = {password}"]
    _write_private(home / "rabbitmq.conf", lines)
    _write_private(home / "plugins", ["[]."])
    names_port = str(free_port())
    variables = {
        "HOME": str(home),
        "RABBITMQ_NODENAME": "sori@localhost",
        "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_PORT": names_port,
    }
    names = Server("epmd", [epmd, "-address", HOST, "-port", names_port], "")
    return [names, Server("RabbitMQ", [program], f"amqp://{USER}:{password}@{HOST}:{port}//", variables)]


def balancer(folder: Path, port: int, web_ports: Sequence[int]) -> Server | None:
    """An HAProxy with the settings of the installation for many machines; None where it is not installed."""
    program = find_program("haproxy")
    if program is None:
        return None
    servers = [f"    server web{number} {HOST}:{web}" for number, web in enumerate(web_ports, 1)]
    _write_private(folder / "haproxy.cfg", ["backend web", *servers])
    files = ["-f", str(BALANCER_SETTINGS), "-f", str(folder / "haproxy.cfg")]
    variables = {"BALANCER_ADDRESS": f"{HOST}:{port}"}
    return Server("HAProxy", [program, "-db", *files], f"http://{HOST}:{port}", variables)


def _write_private(path: Path, lines: Sequence[str]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "?"
