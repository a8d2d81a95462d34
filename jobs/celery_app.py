"""What `celery -A jobs.celery_app worker` loads: the application for the settings of this process, and its two tasks.

`python main.py work` starts such workers with the right options.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from celery import signals
from celery.worker.consumer import Consumer

from environment import read_environment
from jobs.cluster.app import ANALYSE_FILES, ANALYSE_UPLOAD, UPLOADS, make_app
from jobs.cluster.maintenance import start_maintenance
from jobs.cluster.metrics import FOLDER_VARIABLE
from jobs.cluster.worker import Worker
from jobs.local import THREADS
from library.catalogue.path_map import use_path_map

# Before numpy and prometheus_client are used: both read these once.
os.environ.update(dict.fromkeys(THREADS, "1"))
if FOLDER_VARIABLE not in os.environ:
    os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="sori-metrics-")

# No task has a delay, for which Celery would declare 28 more queues beside a quorum queue.
Consumer.Blueprint.default_steps.remove("celery.worker.consumer.delayed_delivery:DelayedDelivery")

environment = read_environment(os.environ)
use_path_map(environment.path_map)
app = make_app(environment)
worker = Worker(environment)


@app.task(name=ANALYSE_UPLOAD)  # type: ignore[untyped-decorator]
def analyse_upload(ids: list[str]) -> None:
    """Wakes a worker for one upload. Whose turn it is, the rows decide; the id is for monitors."""
    worker.analyse_next_upload()


@app.task(name=ANALYSE_FILES)  # type: ignore[untyped-decorator]
def analyse_files(ids: list[int]) -> None:
    worker.analyse_files(ids)


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def load_models(**_: Any) -> None:
    """Load the models before the first message, in each worker process."""
    worker.warm_up(uploads=UPLOADS in app.amqp.queues.consume_from)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def maintain(**_: Any) -> None:
    """Beside each worker for people, a process does what has to be done now and then."""
    if UPLOADS in app.amqp.queues.consume_from:
        start_maintenance()
