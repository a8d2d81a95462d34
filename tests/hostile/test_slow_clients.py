"""Dozens of clients stop in the middle of a request: other clients still get pages, and slow ones are disconnected."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.hostile.false_headers import wav
from tests.hostile.raw_http import Exchange, request, send_exchange, song_part, upload
from tests.hostile.server import Server, running_server
from web.server.slow_clients import (
    BODY_SECONDS,
    FIRST_BYTE_SECONDS,
    HEAD_SECONDS,
    MINIMUM_BYTES_PER_SECOND,
    _Reading,
    received_bytes,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the count of received bytes from Linux")
THREADS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("slow") / "home", SORI_THREADS=str(THREADS)) as running:
        yield running


def page_seconds(server: Server) -> float:
    answer = send_exchange(server.port, Exchange("good", "page", (request("GET", "/"),)))
    assert answer is not None and answer.status == 200
    return answer.seconds


def test_silent_connections_block_no_pages(server: Server) -> None:
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3 * THREADS)]
    assert page_seconds(server) < 3 * FIRST_BYTE_SECONDS + 3
    for connection in connections:
        connection.close()


def test_an_incomplete_head_is_disconnected(server: Server) -> None:
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(THREADS)]
    for connection in connections:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
    time.sleep(0.5)
    assert page_seconds(server) < HEAD_SECONDS + 8
    for connection in connections:
        connection.settimeout(20)
        assert connection.recv(1) == b""
        connection.close()


def test_a_slow_upload_is_accepted(server: Server) -> None:
    """It takes longer than a head may take, but without a pause."""
    data = upload(song_part(wav()))
    step = len(data) // 24
    pieces = tuple(data[at : at + step] for at in range(0, len(data), step))
    answer = send_exchange(server.port, Exchange("slow", "song", pieces, pause=(HEAD_SECONDS + 2) / 24))
    assert answer is not None and answer.status == 202 and answer.seconds > HEAD_SECONDS


def test_a_body_without_progress_is_too_slow() -> None:
    """With a start time in the past, instead of waiting forty seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connection:
        accepted, _ = server.accept()
        with accepted:
            reader = SimpleNamespace(length=5)
            body = SimpleNamespace(body=SimpleNamespace(reader=reader))
            reading = _Reading(SimpleNamespace(sock=accepted), time.monotonic() - 2 * BODY_SECONDS, body, 0)
            connection.sendall(b"x" * 10)
            assert reading.is_too_slow()
            connection.sendall(bytes(int(3 * BODY_SECONDS * MINIMUM_BYTES_PER_SECOND)))
            time.sleep(0.1)
            assert not reading.is_too_slow()
            reading.received, reader.length = received_bytes(accepted), 0
            assert not reading.is_too_slow()  # everything has arrived: the delay is ours


def test_received_bytes_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connection:
        accepted, _ = server.accept()
        with accepted:
            connection.sendall(b"x" * 1000)
            accepted.recv(10)
            time.sleep(0.1)
            assert received_bytes(accepted) == 1000
