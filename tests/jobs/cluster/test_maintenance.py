"""What is done beside the workers: messages are sent again by one machine, and dead workers lose their songs."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from environment import Environment, to_variables
from jobs.cluster.health import serve_health
from jobs.cluster.maintenance import Maintenance
from jobs.cluster.messages import Messages
from jobs.queue.analyses import FAILED, QUEUED, Analyses, Analysis, Upload
from jobs.queue.ids import new_id
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.tables import Note
from tests.ports import free_port
from tests.sources import ROOT


class Recorded(Messages):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__(Environment())
        self.ids: list[str] = []

    def notify_uploads(self, ids: list[str]) -> bool:
        self.ids.extend(ids)
        return True


def add(analyses: Analyses, *, seconds_ago: float = 0.0) -> str:
    analysis_id = new_id()
    analyses.files.folder(analysis_id).mkdir(parents=True)
    analyses.add(analysis_id, Upload("me", "a.wav", "song", "WAV", 1, analysis_id), keep_seconds=60)
    then = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    analyses.update(Analysis.id == analysis_id, created_at=then)
    return analysis_id


@pytest.fixture
def machines(catalogue: Catalogue, home: Path) -> list[tuple[Maintenance, Recorded]]:
    messages = [Recorded(), Recorded()]
    return [(Maintenance(Environment(home=home), catalogue, one), one) for one in messages]


def test_songs_that_waited_too_long_get_another_message_from_one_machine(
    machines: list[tuple[Maintenance, Recorded]], catalogue: Catalogue
) -> None:
    (first, sent), (second, others) = machines
    late = [add(first.analyses, seconds_ago=60), add(first.analyses, seconds_ago=30)]
    add(first.analyses)
    first.beat()
    second.beat()
    assert (sent.ids, others.ids) == (late, [])
    with catalogue.transaction() as session:
        past = (datetime.now(UTC) - timedelta(seconds=60)).isoformat()
        session.execute(update(Note).where(Note.name == "resent").values(value=past))
    second.beat()
    first.beat()
    assert (sent.ids, others.ids) == (late, late)
    assert first.analyses.last_beat() is not None


def test_a_song_that_kills_three_workers_ends(machines: list[tuple[Maintenance, Recorded]]) -> None:
    ((one, _), _) = machines
    analyses, song = one.analyses, add(one.analyses)
    states = []
    for _ in range(3):
        assert analyses.claim("worker") is not None
        past = datetime.now(UTC) - timedelta(seconds=1)
        analyses.update(Analysis.id == song, leased_until=past)
        one.beat()
        found = analyses.get(song)
        assert found is not None
        states.append((found.state, found.tries, found.failure_code))
    assert states == [(QUEUED, 1, None), (QUEUED, 2, None), (FAILED, 3, "crashed")]


def get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture
def opened(environment: Environment) -> Iterator[Catalogue]:
    catalogue = open_catalogue(environment.home, environment.database_url)
    yield catalogue
    catalogue.close()


def test_a_machine_reports_its_health(environment: Environment, opened: Catalogue, broker: str) -> None:
    environment = replace(environment, broker_url=broker, worker_port=free_port())
    with serve_health(environment, opened, Messages(environment)):
        status, body = get(environment.worker_port, "/healthz")
        assert (status, json.loads(body)) == (200, {"status": "ok", "problems": []})
        assert get(environment.worker_port, "/metrics")[0] == 200
        assert get(environment.worker_port, "/../etc/passwd")[0] == 404
        with serve_health(environment, opened, Messages(environment)):  # the port is taken: one warning, no more
            assert get(environment.worker_port, "/healthz")[0] == 200


def test_a_machine_without_a_broker_is_down(environment: Environment, opened: Catalogue) -> None:
    pytest.importorskip("celery", reason="needs requirements-cluster.txt")
    environment = replace(environment, broker_url=f"redis://127.0.0.1:{free_port()}/0", worker_port=free_port())
    with serve_health(environment, opened, Messages(environment)):
        status, body = get(environment.worker_port, "/healthz")
    assert (status, json.loads(body)) == (503, {"status": "down", "problems": ["broker_unreachable"]})


def test_the_process_ends_when_its_worker_does(environment: Environment) -> None:
    """By the end of its standard input."""
    pytest.importorskip("celery", reason="needs requirements-cluster.txt")
    broker = f"redis://127.0.0.1:{free_port()}/0"
    variables = to_variables(replace(environment, broker_url=broker)) | {"PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cluster.maintenance"], stdin=subprocess.PIPE, env=variables, cwd=ROOT
    )
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) == 0
