"""HTTP over a plain socket: requests assembled by hand, because no client library would send these."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

ANSWER_SECONDS = 30.0
BOUNDARY = b"xSORIx"
_MOST_BYTES = 4 << 20


@dataclass(frozen=True)
class Exchange:
    """Pieces to send, with `pause` seconds between them, and the `expected` statuses (empty: any clean answer).

    `hang_up`: close our side after sending. `may_be_unanswered`: the server may close the connection without an answer,
    because the pieces are not HTTP or incomplete.
    """

    family: str
    name: str
    pieces: tuple[bytes, ...]
    pause: float = 0.0
    hang_up: bool = False
    may_be_unanswered: bool = False
    expected: tuple[int, ...] = ()


@dataclass(frozen=True)
class Answer:
    status: int
    head: str
    body: bytes
    seconds: float


def request(
    method: str | bytes, path: str | bytes, *headers: bytes, body: bytes = b"", length: bytes | None = None
) -> bytes:
    """One request; `length` replaces the correct Content-Length, b"" omits it."""
    method, path = (part if isinstance(part, bytes) else part.encode() for part in (method, path))
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close", *headers]
    if length is None and (body or method in (b"POST", b"PUT", b"PATCH")):
        length = str(len(body)).encode()
    if length:
        lines.append(b"Content-Length: " + length)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def part(disposition: bytes, content: bytes, *headers: bytes, boundary: bytes = BOUNDARY) -> bytes:
    lines = [b"--" + boundary, b"Content-Disposition: " + disposition, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content + b"\r\n"


def song_part(content: bytes, filename: bytes = b"song.wav") -> bytes:
    return part(b'form-data; name="file"; filename="' + filename + b'"', content)


def upload(*parts: bytes, path: str = "/api/v1/analyses", type: bytes | None = None, end: bytes | None = None) -> bytes:
    """A multipart POST of these parts."""
    end = b"--" + BOUNDARY + b"--\r\n" if end is None else end
    type = b"multipart/form-data; boundary=" + BOUNDARY if type is None else type
    return request("POST", path, b"Content-Type: " + type, body=b"".join(parts) + end)


def send_exchange(port: int, exchange: Exchange) -> Answer | None:
    """Send it and return the answer; None if the server closed the connection without one."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
        try:
            for piece in exchange.pieces:
                connection.sendall(piece)
                if exchange.pause:
                    time.sleep(exchange.pause)
            if exchange.hang_up:
                connection.shutdown(socket.SHUT_WR)
        except OSError:  # the server stopped reading; its answer may have arrived before
            pass
        data = _receive(connection)
    status_line = re.match(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n", data)
    if status_line is None:
        if data:
            return Answer(599, "not HTTP", data, time.monotonic() - started)
        return None
    status, data = int(status_line[1]), data[status_line.end() :]
    if status == 100:
        rest = re.match(rb"\r\nHTTP/1\.[01] (\d{3}) [^\r\n]*\r\n", data)
        status, data = (int(rest[1]), data[rest.end() :]) if rest else (status, data)
    head, _, body = data.partition(b"\r\n\r\n")
    return Answer(status, head.decode("latin-1"), body, time.monotonic() - started)


def _receive(connection: socket.socket) -> bytes:
    data = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while len(data) < _MOST_BYTES and (block := connection.recv(65_536)):
            data += block
    return bytes(data)


def pieces(data: bytes, size: int, most: int = 20) -> tuple[bytes, ...]:
    """`data` in small pieces; the last one is the rest."""
    cuts: Sequence[int] = range(0, min(len(data), size * most), size)
    return (*(data[at : at + size] for at in cuts[:-1]), data[cuts[-1] :]) if cuts else (data,)
