"""`python -m jobs.queue.song_files.server`: reads and writes the files of uploads in a storage for the web process.

The libraries of fsspec run an asyncio loop in a thread. In the web process gevent has replaced threads and sockets, and
there no such loop works. The web process hands over one socket for each call; a call is a line of JSON, and its answer
a line of JSON and the bytes that were read. This process ends when its standard input does.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from jobs.queue.song_files.cache import SongCache
from jobs.queue.song_files.interface import StorageAwayError
from jobs.queue.song_files.remote import RemoteFiles
from library.catalogue.database import is_disk_full

LOG = logging.getLogger(__name__)

CALLS_AT_ONCE = 32
MISSING, AWAY, FULL, BUG = "missing", "away", "full", "bug"
MAX_LINE_BYTES = 65536


def question(files: RemoteFiles, call: str, *arguments: str | int | None) -> bytes:
    """The line for a call of `files`."""
    place = [files.url, path_text(files.cache.folder), files.cache.max_bytes]
    return json.dumps({"place": place, "call": call, "arguments": arguments}).encode() + b"\n"


def answer(line: bytes) -> tuple[dict[str, Any], bytes]:
    """The fields of the answer to a line, and the bytes that follow."""
    try:
        result = _run(json.loads(line))
    except FileNotFoundError:
        return {"error": MISSING}, b""
    except StorageAwayError:
        return {"error": AWAY}, b""
    except Exception as error:
        if is_disk_full(error):
            return {"error": FULL}, b""
        LOG.exception("a call of the storage")
        return {"error": BUG}, b""
    return ({"result": None}, result) if isinstance(result, bytes) else ({"result": result}, b"")


def _run(fields: Mapping[str, Any]) -> Any:
    url, folder, max_bytes = fields["place"]
    files = RemoteFiles(url, SongCache(path_of(folder), max_bytes))
    call, arguments = fields["call"], fields["arguments"]
    if call == "names":
        return sorted(files.names(*arguments))
    if call == "status":
        return vars(files.status(*arguments))
    if call == "read":
        return files.read(*arguments)
    if call == "store":
        analysis_id, name, path = arguments
        return files.store(analysis_id, name, path_of(path))
    if call == "delete":
        return files.delete(*arguments)
    raise ValueError(call)


def path_text(path: Path) -> str:
    """A path as text that JSON can hold. Latin-1 has a letter for every byte of a path."""
    return os.fsencode(path).decode("latin-1")


def path_of(text: str) -> Path:
    return Path(os.fsdecode(text.encode("latin-1")))


def _handed_sockets(control: socket.socket) -> Iterator[socket.socket]:
    while True:
        with suppress(InterruptedError):
            data, handles, *_ = socket.recv_fds(control, 1, 1)
            if not data:
                return
            yield from (socket.socket(fileno=handle) for handle in handles)


def _serve(connection: socket.socket) -> None:
    with closing(connection), connection.makefile("rwb") as stream, suppress(OSError):  # the web process may be gone
        fields, content = answer(stream.readline(MAX_LINE_BYTES))
        stream.write(json.dumps({**fields, "bytes": len(content)}).encode() + b"\n" + content)
        stream.flush()


def main() -> None:
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    calls = ThreadPoolExecutor(CALLS_AT_ONCE)
    with suppress(KeyboardInterrupt, OSError):
        for connection in _handed_sockets(socket.socket(fileno=0)):
            calls.submit(_serve, connection)
    os._exit(0)  # calls may wait for a storage that does not answer


if __name__ == "__main__":
    main()
