"""Hundreds of clients that are silent, slow or stalled: other clients still get pages, and stalled ones are
disconnected."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.hostile.false_headers import wav
from tests.hostile.raw_http import Exchange, request, send_exchange, song_part, upload
from tests.hostile.server import PAGES, Server, running_server
from web.server.connections import HEAD_SECONDS

SLOW = 120
"""More than a pool of threads would have."""
SONG_BYTES = 8_000_000
PATIENCE_SECONDS = 60.0
"""How long a test waits for an answer before it fails, on a machine that hardly moves too."""
FILES = 128
"""A limit of open files that the connections of the test exceed."""
IMPATIENT = tuple(part.replace("web.server.gunicorn_settings", "tests.hostile.impatient_server") for part in PAGES)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("slow") / "home") as running:
        yield running


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes the connections of a test."""
    with ExitStack() as stack:
        yield stack


def connect(server: Server, opened: ExitStack, sent: bytes = b"", *, receive_bytes: int = 0) -> socket.socket:
    connection = opened.enter_context(socket.socket())
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(PATIENCE_SECONDS)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(sent)
    return connection


def assert_pages_are_served(server: Server) -> None:
    for path in ("/", "/library"):
        answer = send_exchange(server.port, Exchange("good", "page", (request("GET", path),)))
        assert answer is not None and answer.status == 200


def is_open(connection: socket.socket) -> bool:
    readable = select.select([connection], [], [], 0)[0]
    return not readable or connection.recv(1, socket.MSG_PEEK) != b""


def start_of_upload() -> bytes:
    whole = upload(song_part(wav()))
    return whole[: len(whole) // 2]


def song_address(server: Server) -> str:
    """The address of a song's file that is larger than what the system buffers for a connection."""
    answer = send_exchange(server.port, Exchange("good", "song", (upload(song_part(wav() + bytes(SONG_BYTES))),)))
    assert answer is not None and answer.status == 202
    return f"/a/{json.loads(answer.body)['id']}/audio"


def test_slow_uploads_stop_no_page(server: Server, opened: ExitStack) -> None:
    connections = [connect(server, opened, start_of_upload()) for _ in range(SLOW)]
    assert_pages_are_served(server)
    assert all(map(is_open, connections))


def test_slow_downloads_stop_no_page(server: Server, opened: ExitStack) -> None:
    get = request("GET", song_address(server))
    connections = [connect(server, opened, get, receive_bytes=2048) for _ in range(SLOW)]
    for connection in connections:
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert_pages_are_served(server)
    assert all(map(is_open, connections))


def test_followers_stop_no_page(server: Server, opened: ExitStack) -> None:
    events = song_address(server).replace("/a/", "/api/v1/analyses/").replace("audio", "events")
    connections = [connect(server, opened, request("GET", events)) for _ in range(SLOW)]
    for connection in connections:
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert_pages_are_served(server)
    assert all(map(is_open, connections))


def test_an_incomplete_head_is_disconnected(server: Server, opened: ExitStack) -> None:
    connections = [connect(server, opened, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-") for _ in range(SLOW)]
    assert_pages_are_served(server)
    for connection in connections:
        connection.settimeout(3 * HEAD_SECONDS)  # well before a connection that stalls is closed
        assert connection.recv(1) == b""


def test_a_slow_upload_is_accepted(server: Server) -> None:
    """It takes longer than a head may take, but without a pause."""
    data = upload(song_part(wav()))
    step = len(data) // 24
    pieces = tuple(data[at : at + step] for at in range(0, len(data), step))
    answer = send_exchange(server.port, Exchange("slow", "song", pieces, pause=(HEAD_SECONDS + 2) / 24))
    assert answer is not None and answer.status == 202 and answer.seconds > HEAD_SECONDS


def test_more_connections_than_open_files_end_nothing(
    tmp_path_factory: pytest.TempPathFactory, opened: ExitStack
) -> None:
    limited = ("sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh", *PAGES)
    with running_server(tmp_path_factory.mktemp("files") / "home", limited) as server:
        processes = server.processes()
        for _ in range(3 * FILES):
            connect(server, opened)
        assert page_for_another_address(server, opened) == b"HTTP/1.1 200"
        assert server.processes() == processes
        assert "Too many open files" not in server.log.read_text()


def test_one_address_cannot_hold_every_connection(tmp_path_factory: pytest.TempPathFactory, opened: ExitStack) -> None:
    with running_server(tmp_path_factory.mktemp("address") / "home", SORI_CONNECTIONS="16") as server:
        time.sleep(0.5)  # the connections of the start are closed
        mine = [connect(server, opened) for _ in range(12)]
        time.sleep(0.5)
        assert sum(map(is_open, mine)) == 8
        assert page_for_another_address(server, opened) == b"HTTP/1.1 200"


def page_for_another_address(server: Server, opened: ExitStack) -> bytes:
    """The start of the answer to a client whose address holds no connection."""
    connection = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), 60, ("127.0.0.2", 0)))
    connection.sendall(request("GET", "/"))
    return connection.recv(12)


def test_clients_that_stall_are_disconnected(tmp_path_factory: pytest.TempPathFactory, opened: ExitStack) -> None:
    with running_server(tmp_path_factory.mktemp("stall") / "home", IMPATIENT) as server:
        get = request("GET", song_address(server))
        idle = open_beside_the_database(server)
        sender, reader = connect(server, opened, start_of_upload()), connect(server, opened, get, receive_bytes=2048)
        sender.settimeout(30)
        assert sender.recv(12) == b"HTTP/1.1 408"
        sender.close()
        deadline = time.monotonic() + 30
        while open_beside_the_database(server) != idle and time.monotonic() < deadline:
            time.sleep(0.2)
        assert open_beside_the_database(server) == idle
        assert len(received(reader)) < SONG_BYTES
        assert "Traceback" not in server.log.read_text()


def open_beside_the_database(server: Server) -> list[str]:
    """Requests at the same time open further connections to the database, which stay open."""
    return [name for name in server.open_resources() if "library.db" not in name]


def received(connection: socket.socket) -> bytes:
    """What arrives until the connection is closed."""
    data = b""
    with suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            data += chunk
    return data
