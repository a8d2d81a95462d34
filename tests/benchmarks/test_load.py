"""The load benchmark's percentiles, its songs, and how an uploader counts responses."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import wave

import pytest

from benchmarks.load.clients import SONG_SECONDS, Responses, post, song, upload
from benchmarks.load.run import percentile, spread


def test_percentiles_are_measured_values() -> None:
    values = [0.001 * number for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [0.05, 0.095, 0.099, 0.1]
    assert percentile([7.0], 0.5) == 7.0
    assert spread([0.0124, 2.0]) == "12 ms / 2.0 s / 2.0 s"


def test_songs_are_audio_and_unique() -> None:
    with wave.open(io.BytesIO(song())) as file:
        assert file.getnframes() / file.getframerate() == SONG_SECONDS
    requests = {post() for _ in range(20)}
    assert len(requests) == 20 and len({len(request) for request in requests}) == 1


@pytest.mark.parametrize(("answer", "analysis_id"), [("202 Accepted", "abc"), ("503 Busy", None), ("", None)])
def test_uploader_counts_its_response(answer: str, analysis_id: str | None) -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = server.accept()
        with line:
            # All of it: closing a socket with unread bytes resets the connection, and the client loses the answer.
            request = b""
            while not request.endswith(b"\r\n--x--\r\n"):
                request += line.recv(1 << 20)
            if answer:
                line.sendall(f'HTTP/1.1 {answer}\r\nRetry-After: 0\r\n\r\n{{"id": "abc"}}'.encode())

    thread = threading.Thread(target=serve)
    thread.start()
    responses = Responses()
    assert asyncio.run(upload(server.getsockname()[1], responses)) == analysis_id
    thread.join()
    server.close()
    assert dict(responses.statuses) == {int(answer[:3] or 0): 1} and len(responses.accepted) == (
        analysis_id is not None
    )
