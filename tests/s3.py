"""A server that speaks S3 over HTTP on this machine: that of moto, in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

BUCKET = "songs"


@dataclass
class S3Server:
    port: int
    server: Any

    @property
    def variables(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "made-up",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def objects(self) -> set[str]:
        """The key of every object in the bucket."""
        return set(_backend().buckets[BUCKET].keys)

    def empty(self) -> None:
        _backend().reset()
        _backend().create_bucket(BUCKET, "us-east-1")

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Answers every request with an error until the end of the block."""
        application = self.server._server.app
        self.server._server.app = _refuse
        try:
            yield
        finally:
            self.server._server.app = application

    def remove_bucket(self) -> None:
        _backend().reset()


def _refuse(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    start_response("503 Slow Down", [("Content-Length", "0")])
    return []


def _backend() -> Any:
    from moto.s3.models import s3_backends

    return s3_backends["123456789012"]["aws"]


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3Server]:
    pytest.importorskip("s3fs", reason="needs the packages of requirements-cluster.txt")
    pytest.importorskip("moto", reason="needs the packages of requirements-dev.txt")
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    started = S3Server(server.get_host_and_port()[1], server)
    started.empty()
    try:
        yield started
    finally:
        started.remove_bucket()
        server.stop()


@pytest.fixture
def s3(running_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """With an empty bucket, and the variables by which processes reach it."""
    running_s3.empty()
    for name, value in running_s3.variables.items():
        monkeypatch.setenv(name, value)
    return running_s3
