"""The example program of docs/api.md works as printed there, against a running server."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from jobs.queue.analyses import Analyses, Analysis
from tests.sources import ROOT
from tests.web.shelf import put
from web.context import NAME

EXAMPLE = re.search(r"^```python\n(.*?)^```", (ROOT / "docs/api.md").read_text("utf-8"), re.M | re.S)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(tmp_path: Path, address: str, song: Path) -> subprocess.Popen[str]:
    assert EXAMPLE is not None
    program = tmp_path / "analyse.py"
    program.write_text(EXAMPLE[1], "utf-8")
    return subprocess.Popen(
        [sys.executable, program, address, song], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_documented_example_analyses_a_song(
    app: Flask, address: str, analyses: Analyses, hear: Callable[..., str], song: Path, tmp_path: Path
) -> None:
    put(app.extensions[NAME].catalogue, tmp_path / "music", "A similar track")
    program = run(tmp_path, address, song)
    deadline = time.monotonic() + 60
    while not analyses.count("queued") and time.monotonic() < deadline:
        time.sleep(0.02)
    with analyses.catalogue.session() as session:
        waiting = session.query(Analysis.id).one()[0]
    hear(waiting)
    out, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (0, "")
    first, *others = out.splitlines()
    assert first.startswith("reggae {") and "'bpm': 76.3" in first and "'tonic': 'G'" in first
    assert others == ["A similar track 76.3"]
