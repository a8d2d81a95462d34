"""Brokers of the tests' own: a virtual host of RabbitMQ, and a database of Redis."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from environment import Environment


@pytest.fixture
def rabbitmq() -> Iterator[str]:
    """The address of an empty virtual host, deleted after the test."""
    name = f"sori_{uuid.uuid4().hex[:12]}"
    _require(shutil.which("rabbitmqctl") is not None and _answers(5672), "a RabbitMQ server that may be administered")
    _administer("add_vhost", name)
    _administer("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    yield f"amqp://guest:guest@127.0.0.1:5672/{name}"
    _administer("delete_vhost", name)


@pytest.fixture
def redis() -> Iterator[str]:
    """The address of an empty database; each process of the test run has its own."""
    _require(_answers(6379), "a Redis server")
    from redis import Redis

    number = 4 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    with Redis(db=number) as server:
        server.flushdb()
        yield f"redis://127.0.0.1:6379/{number}"
        server.flushdb()


@pytest.fixture(params=["rabbitmq", "redis"])
def broker(request: pytest.FixtureRequest) -> str:
    pytest.importorskip("celery", reason="needs requirements-cluster.txt")
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def environment(home: Path, postgresql: str) -> Environment:
    """Without a broker: for what needs none."""
    return Environment(home=home, database_url=postgresql, worker_port=0, workers=1)


def _administer(*arguments: str) -> None:
    subprocess.run(["rabbitmqctl", "--quiet", *arguments], check=True, capture_output=True, timeout=120)


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(2)
        return connection.connect_ex(("127.0.0.1", port)) == 0


def _require(is_there: bool, what: str) -> None:
    if not is_there:
        assert not os.environ.get("CI"), f"CI needs {what}"
        pytest.skip(f"needs {what} on this machine")
