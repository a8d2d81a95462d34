"""Messages to real brokers: they carry ids only, and a broker that is away delays nobody."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from environment import Environment
from jobs.cluster.app import (
    ANALYSE_FILES,
    ANALYSE_UPLOAD,
    FOLDERS,
    HARD_LIMIT_SECONDS,
    QUEUES,
    REDELIVERY_SECONDS,
    UPLOADS,
    make_app,
)
from jobs.cluster.folders import BATCH
from jobs.cluster.messages import Messages
from jobs.cluster.worker import BATCH_SECONDS
from jobs.local import WALL_SECONDS
from tests.ports import free_port
from tests.sources import ROOT


def received(environment: Environment, queue: str) -> list[tuple[str, object]]:
    """The messages in a queue, each as the name of its task and its arguments."""
    app = make_app(environment)
    found = []
    with app.connection_for_read() as connection, connection.SimpleQueue(app.amqp.queues[queue]) as messages:
        while True:
            try:
                message = messages.get(timeout=0.5)
            except messages.Empty:
                break
            found.append((message.headers["task"], message.payload[:2]))
            message.ack()
    app.close()
    return found


def test_a_message_carries_ids_alone(environment: Environment, broker: str) -> None:
    environment = replace(environment, broker_url=broker)
    app = make_app(environment)
    with app.connection_for_write() as connection:
        for queue in QUEUES:
            app.amqp.queues[queue].bind(connection.default_channel).declare()
    messages = Messages(environment)
    assert messages.notify_uploads(["one", "two"]) and messages.notify_files([3, 4])
    assert messages.is_reachable()
    messages.close()
    app.close()
    assert received(environment, UPLOADS) == [(ANALYSE_UPLOAD, [[["one"]], {}]), (ANALYSE_UPLOAD, [[["two"]], {}])]
    assert received(environment, FOLDERS) == [(ANALYSE_FILES, [[[3, 4]], {}])]


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_broker_that_is_away_is_left_alone_for_a_while(
    environment: Environment, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("celery", reason="needs requirements-cluster.txt")
    messages = Messages(replace(environment, broker_url=f"{scheme}://127.0.0.1:{free_port()}/"))
    assert not messages.notify_uploads(["one"])
    begun = time.monotonic()
    assert not messages.notify_files([1])
    assert time.monotonic() - begun < 1
    assert [record.message.startswith("the broker: ") for record in caplog.records] == [True]
    assert not messages.is_reachable()
    messages.close()


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_broker_that_hangs_holds_nobody(environment: Environment, scheme: str) -> None:
    """It accepts connections and never says anything."""
    pytest.importorskip("celery", reason="needs requirements-cluster.txt")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/"
        messages = Messages(replace(environment, broker_url=address))
        assert not messages.notify_uploads(["one"])
        messages.close()


def test_without_a_broker_celery_is_not_loaded() -> None:
    code = (
        "import sys; from environment import Environment; from jobs.cluster.messages import Messages\n"
        "import web.app, main, preprocess\n"
        "assert Messages(Environment()).notify_uploads(['one'])\n"
        "sys.exit(any(name in sys.modules for name in ('celery', 'kombu', 'redis', 'fsspec')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_work_ends_before_the_broker_delivers_it_again(environment: Environment) -> None:
    pytest.importorskip("celery", reason="needs requirements-cluster.txt")
    assert BATCH_SECONDS + WALL_SECONDS / 2 < WALL_SECONDS < HARD_LIMIT_SECONDS < REDELIVERY_SECONDS <= 1800 - BATCH
    app = make_app(replace(environment, broker_url="redis://127.0.0.1/0"))
    assert app.conf.broker_transport_options["visibility_timeout"] == REDELIVERY_SECONDS
    assert app.conf.task_acks_late and not app.conf.task_reject_on_worker_lost and app.conf.task_ignore_result
    assert app.conf.result_backend is None and app.conf.worker_prefetch_multiplier == 1
    queue = make_app(replace(environment, broker_url="amqp://127.0.0.1//")).amqp.queues[UPLOADS]
    assert queue.queue_arguments == {"x-queue-type": "quorum", "x-delivery-limit": 5}
