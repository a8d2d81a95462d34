"""A model hub on 127.0.0.1 that serves folders as the real one serves repositories, and can fail in the same ways."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """`models` are files by name for each model; the rest is what is wrong with the hub."""

    models: dict[str, dict[str, bytes]]
    extra_names: list[str] = field(default_factory=list)
    """Names that are listed as well."""
    gated: bool = False
    cut_after: int | None = None
    """Each answer ends after so many bytes."""
    ignores_ranges: bool = False
    stated_sha256: str | None = None
    answer: dict[str, Any] | None = None
    """What is answered about every model instead."""
    address: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """The path and the `Range` of each request."""

    def info(self, model: str) -> dict[str, Any]:
        files = self.models[model]
        siblings = [
            {"rfilename": name, "size": len(content), "blobId": "0", "lfs": self._lfs(name, content)}
            for name, content in {**files, **dict.fromkeys(self.extra_names, b"harm")}.items()
        ]
        return {"id": model, "sha": COMMIT, "cardData": {"license": "apache-2.0"}, "siblings": siblings, "tags": []}

    def _lfs(self, name: str, content: bytes) -> dict[str, Any] | None:
        if name.endswith(".json"):
            return None
        sha256 = self.stated_sha256 or hashlib.sha256(content).hexdigest()
        return {"sha256": sha256, "size": len(content), "pointerSize": 134}


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.hub.requests.append((self.path, self.headers["Range"]))
        path = self.path.split("?")[0]
        if path.startswith("/api/models/"):
            self._send_info(path.removeprefix("/api/models/"))
            return
        model, _, rest = path[1:].partition("/resolve/")
        if self.hub.gated:
            self._refuse(403, "GatedRepo")
            return
        commit, _, name = rest.partition("/")
        content = self.hub.models.get(model, {}).get(name)
        if content is None or commit != COMMIT:
            self._refuse(404, "EntryNotFound")
            return
        self._send_file(content)

    def _send_info(self, model: str) -> None:
        if model not in self.hub.models:
            self._refuse(404, "RepoNotFound")
            return
        body = json.dumps(self.hub.info(model) if self.hub.answer is None else self.hub.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_file(self, content: bytes) -> None:
        first = 0
        if self.headers["Range"] and not self.hub.ignores_ranges:
            first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        end = None if self.hub.cut_after is None else first + self.hub.cut_after
        self.wfile.write(content[first:end])

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """The hub at `hub.address` while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
