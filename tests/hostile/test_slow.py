"""Dozens who do not go on with their request: others have their pages, and the slow are hung up on."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.hostile.house import House, house
from tests.hostile.lies import wav
from tests.hostile.wire import Knock, converse, request, song_part, upload
from web.server.slow_clients import (
    BODY_SECONDS,
    FIRST_BYTE_SECONDS,
    HEAD_SECONDS,
    MINIMUM_BYTES_PER_SECOND,
    _Reading,
    received_bytes,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts received bytes as Linux tells them")
THREADS = 4


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("slow") / "home", SORI_THREADS=str(THREADS)) as started:
        yield started


def page_seconds(opened: House) -> float:
    answer = converse(opened.port, Knock("good", "page", (request("GET", "/"),)))
    assert answer is not None and answer.status == 200
    return answer.seconds


def test_silent_connections_cost_nobody_a_page(opened: House) -> None:
    lines = [socket.create_connection(("127.0.0.1", opened.port)) for _ in range(3 * THREADS)]
    assert page_seconds(opened) < 3 * FIRST_BYTE_SECONDS + 3
    for line in lines:
        line.close()


def test_half_a_head_is_hung_up_on(opened: House) -> None:
    lines = [socket.create_connection(("127.0.0.1", opened.port)) for _ in range(THREADS)]
    for line in lines:
        line.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
    time.sleep(0.5)
    assert page_seconds(opened) < HEAD_SECONDS + 8
    for line in lines:
        line.settimeout(20)
        assert line.recv(1) == b""
        line.close()


def test_a_slow_song_is_taken(opened: House) -> None:
    """Slow, but it goes on: longer than a head may take."""
    data = upload(song_part(wav()))
    step = len(data) // 24
    pieces = tuple(data[at : at + step] for at in range(0, len(data), step))
    answer = converse(opened.port, Knock("slow", "song", pieces, pause=(HEAD_SECONDS + 2) / 24))
    assert answer is not None and answer.status == 202 and answer.seconds > HEAD_SECONDS


def test_a_body_that_stands_still_is_too_slow() -> None:
    """With the time turned back instead of forty seconds waited."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as line,
    ):
        there, _ = server.accept()
        with there:
            reader = SimpleNamespace(length=5)
            body = SimpleNamespace(body=SimpleNamespace(reader=reader))
            reading = _Reading(SimpleNamespace(sock=there), time.monotonic() - 2 * BODY_SECONDS, body, 0)
            line.sendall(b"x" * 10)
            assert reading.is_too_slow()
            line.sendall(bytes(int(3 * BODY_SECONDS * MINIMUM_BYTES_PER_SECOND)))
            time.sleep(0.1)
            assert not reading.is_too_slow()
            reading.received, reader.length = received_bytes(there), 0
            assert not reading.is_too_slow()  # all is there: we are the slow ones


def test_received_bytes_are_counted() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as line,
    ):
        there, _ = server.accept()
        with there:
            line.sendall(b"x" * 1000)
            there.recv(10)
            time.sleep(0.1)
            assert received_bytes(there) == 1000
