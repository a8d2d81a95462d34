"""Rolling restarts and upgrades, with processes: nothing is lost, and nothing is analysed twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select, text

from environment import Environment, to_variables
from jobs.cluster.messages import Messages
from jobs.cluster.trial import servers
from jobs.cluster.trial.program import Program
from jobs.queue.analyses import DONE, QUEUED, RUNNING, Analyses, Analysis, Upload
from jobs.queue.ids import new_id
from jobs.queue.scan_files import ScanFiles
from jobs.queue.scans import Scan
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.tables import Track
from library.collection.files import walk
from tests.fakes import write_wav
from tests.ports import free_port
from tests.sources import ROOT

WORKER = """
import os, sys, time
from pathlib import Path
from environment import read_environment
from jobs.cluster.worker import Worker
from tests.fakes import FakePipeline

worker = Worker(read_environment(os.environ), load_uploads=FakePipeline, load_files=FakePipeline)
worker.catalogue
print("ready", flush=True)
for line in sys.stdin:
    ids = [int(word) for word in line.split()]
    print(worker.analyse_files(ids) if ids else worker.analyse_next_upload(), flush=True)
"""
"""A worker process that does one thing for each line. It opens the database before the first."""
NEWER = [
    "ALTER TABLE analyses ADD COLUMN colour VARCHAR(10) NOT NULL DEFAULT 'blue'",
    "ALTER TABLE scan_files ADD COLUMN colour VARCHAR(10) NOT NULL DEFAULT 'blue'",
    "ALTER TABLE tracks ADD COLUMN colour VARCHAR(10) NOT NULL DEFAULT 'blue'",
    "CREATE TABLE colours (name VARCHAR(10) PRIMARY KEY)",
    "UPDATE alembic_version SET version_num = '9999'",
]
"""What a newer version's migration does: it adds, and what it adds has defaults."""


def wait_until(is_so: Callable[[], object], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.05)


@pytest.fixture
def environment(home: Path, postgresql: str) -> Environment:
    return Environment(home=home, database_url=postgresql, worker_port=0, workers=1)


@pytest.fixture
def opened(environment: Environment) -> Iterator[Catalogue]:
    catalogue = open_catalogue(environment.home, environment.database_url)
    yield catalogue
    catalogue.close()


@pytest.fixture
def with_broker(environment: Environment, tmp_path: Path) -> Iterator[Environment]:
    """With a Redis of the test's own."""
    pytest.importorskip("celery", reason="needs requirements-cluster.txt")
    if servers.find_program("redis-server") is None:
        pytest.skip("needs Redis on this machine")
    folder = tmp_path / "redis"
    folder.mkdir()
    (server,) = servers.broker(folder)
    program = Program(server.name, server.command, log=folder / "log")
    values = {**vars(environment), "broker_url": server.url}
    changed = Environment(**values)
    messages = Messages(changed)
    wait_until(messages.is_reachable)
    messages.close()
    yield changed
    program.ask_to_end()
    program.wait()


def start(environment: Environment, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **to_variables(environment), "LC_ALL": "C.UTF-8"},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def add_upload(analyses: Analyses, *, seconds: float, hz: int) -> str:
    analysis_id = new_id()
    write_wav(analyses.files.folder(analysis_id) / "song", seconds=seconds, hz=hz)
    upload = Upload("me", f"{hz}.wav", "song", "WAV", 1, f"{hz:064d}")
    return analyses.add(analysis_id, upload, keep_seconds=None).id


def states(catalogue: Catalogue) -> list[tuple[str, int]]:
    with catalogue.session() as session:
        rows = session.execute(select(Analysis.state, Analysis.tries).order_by(Analysis.created_at))
        return [(row.state, row.tries) for row in rows]


def running(catalogue: Catalogue) -> list[str]:
    with catalogue.session() as session:
        return list(session.scalars(select(Analysis.id).where(Analysis.state == RUNNING)))


def test_a_worker_that_is_restarted_finishes_its_song_and_another_does_the_rest(
    with_broker: Environment, opened: Catalogue
) -> None:
    analyses, messages = Analyses(opened, with_broker.home), Messages(with_broker)
    old = start(with_broker, "main.py", "work", "--queue", "uploads")
    ids = [add_upload(analyses, seconds=60.0, hz=100 + number) for number in range(6)]
    messages.notify_uploads(ids)
    wait_until(lambda: running(opened))
    old.terminate()
    in_progress = running(opened)
    new = start(with_broker, "main.py", "work", "--queue", "uploads")
    try:
        assert old.communicate(timeout=120) and old.returncode == 0
        ended = [analyses.get(one) for one in in_progress]
        assert [one.state for one in ended if one is not None] == [DONE] * len(in_progress)
        wait_until(lambda: {state for state, _ in states(opened)} == {DONE})
    finally:
        new.terminate()
        new.communicate(timeout=120)
    assert new.returncode == 0
    assert states(opened) == [(DONE, 1)] * 6, "each is begun once"
    messages.close()


def make_newer(environment: Environment) -> None:
    assert environment.database_url is not None
    server = create_engine(environment.database_url)
    with server.begin() as connection:
        for statement in NEWER:
            connection.execute(text(statement))
    server.dispose()


def test_an_older_worker_goes_on_with_rows_of_a_newer_version(
    environment: Environment, opened: Catalogue, music: Path
) -> None:
    old = start(environment, "-c", WORKER)
    assert old.stdin is not None and old.stdout is not None
    assert old.stdout.readline() == "ready\n"
    make_newer(environment)
    analysis_id = add_upload(Analyses(opened, environment.home), seconds=0.1, hz=440)
    files = ScanFiles(opened)
    with opened.transaction() as session:
        scan = Scan.of([music])
        session.add(scan)
        session.flush()
        scan_id = scan.id
        session.execute(text("UPDATE analyses SET colour = 'red'"))
    files.add(scan_id, list(walk([music])))
    with opened.transaction() as session:
        session.execute(text("UPDATE scan_files SET colour = 'red'"))
    ids = files.take_unsent(scan_id, 100)

    old.stdin.write("\n" + " ".join(map(str, ids)) + "\n")
    old.stdin.close()
    assert old.stdout.read().split() == ["True", str(len(ids))]
    assert old.wait(60) == 0
    with opened.session() as session:
        assert session.execute(text("SELECT state, colour FROM analyses")).all() == [(DONE, "red")]
        ended = session.execute(text("SELECT state, colour FROM scan_files")).all()
        assert ended == [(DONE, "red")] * len(ids) and len(ids) == 6
        assert set(session.scalars(text("SELECT colour FROM tracks"))) == {"blue"}
        assert session.scalar(select(func.count()).select_from(Track).where(Track.path.is_not(None))) == 6
    report = Analyses(opened, environment.home).get(analysis_id)
    assert report is not None and report.report is not None
    for stream in (old.stdout, old.stderr):
        assert stream is not None
        stream.close()


@pytest.mark.parametrize("command", ["serve", "work"])
def test_an_older_version_that_starts_anew_says_so_and_songs_wait(
    with_broker: Environment, opened: Catalogue, command: str
) -> None:
    make_newer(with_broker)
    add_upload(Analyses(opened, with_broker.home), seconds=0.1, hz=440)
    port = ["--port", str(free_port())] if command == "serve" else []
    old = start(with_broker, "main.py", command, *port)
    error = old.communicate(timeout=60)[1]
    assert old.returncode == 2 and "made by another version of Sori" in error
    assert len(error.strip().splitlines()) == 1
    assert states(opened) == [(QUEUED, 0)]


def test_web_processes_start_together_on_an_empty_database_and_restart_one_after_the_other(
    with_broker: Environment,
) -> None:
    ports = [free_port(), free_port()]
    webs = [start(with_broker, "main.py", "serve", "--port", str(port)) for port in ports]
    try:
        for web in webs:
            assert web.stdout is not None and "Sori runs at" in web.stdout.readline()
        webs[0].send_signal(signal.SIGTERM)
        webs[0].communicate(timeout=60)
        assert webs[0].returncode == 0 and webs[1].poll() is None
        webs[0] = start(with_broker, "main.py", "serve", "--port", str(ports[0]))
        assert webs[0].stdout is not None and "Sori runs at" in webs[0].stdout.readline()
    finally:
        for web in webs:
            web.terminate()
            web.communicate(timeout=60)
    assert with_broker.database_url is not None
    server = create_engine(with_broker.database_url)
    with server.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    server.dispose()
