"""`main.py work` with a real broker, the real Celery and the real model: from an upload to its report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from environment import Environment, to_variables
from jobs.cluster.messages import Messages
from jobs.queue.analyses import DONE, Analyses, Upload
from jobs.queue.ids import new_id
from library.catalogue.database import Catalogue, open_catalogue
from tests.fakes import write_wav
from tests.ports import free_port
from tests.sources import ROOT


@pytest.fixture
def cluster(environment: Environment, broker: str) -> Environment:
    return replace(environment, broker_url=broker, worker_port=free_port())


@pytest.fixture
def catalogue(cluster: Environment) -> Iterator[Catalogue]:
    opened = open_catalogue(cluster.home, cluster.database_url)
    yield opened
    opened.close()


def wait_for(what: Callable[[], object], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.1)


def test_an_upload_is_analysed_by_a_celery_worker(cluster: Environment, catalogue: Catalogue, tmp_path: Path) -> None:
    analyses, messages = Analyses(catalogue, cluster.home), Messages(cluster)
    variables = {**os.environ, **to_variables(cluster)}
    with (tmp_path / "log").open("wb") as log:
        work = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), "work", "--queue", "uploads"],
            env=variables,
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    try:
        analysis_id = new_id()
        song = write_wav(analyses.files.folder(analysis_id) / "song", seconds=4.0)
        upload = Upload("me", "song.wav", "song", "WAV", song.stat().st_size, analysis_id)
        analyses.add(analysis_id, upload, keep_seconds=60)
        assert messages.notify_uploads([analysis_id])

        def is_done() -> bool:
            assert work.poll() is None, (tmp_path / "log").read_text()
            found = analyses.get(analysis_id)
            return found is not None and found.state == DONE

        wait_for(is_done)
        found = analyses.get(analysis_id)
        assert found is not None and found.tries == 1 and found.report is not None
        assert len(found.report["genre"]["scores"]) == 10 and found.report["neighbours"]["sound"]
        address = f"http://127.0.0.1:{cluster.worker_port}"
        with urllib.request.urlopen(f"{address}/healthz", timeout=30) as answer:
            assert json.load(answer)["status"] == "ok"

        def is_counted() -> bool:
            with urllib.request.urlopen(f"{address}/metrics", timeout=30) as answer:
                return b'sori_worker_songs_total{kind="upload",outcome="done"} 1.0' in answer.read()

        wait_for(is_counted, 30)
    finally:
        messages.close()
        work.send_signal(signal.SIGTERM)
        assert work.wait(120) == 0, (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()
