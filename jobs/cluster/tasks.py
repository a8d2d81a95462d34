"""The tasks of the Celery application, and what its worker processes do when they start."""

from __future__ import annotations

from typing import Any

from celery import signals
from celery.worker.consumer import Consumer

from jobs.cluster.app import ANALYSE_FILES, ANALYSE_UPLOAD, UPLOADS
from jobs.cluster.worker import Worker

_DELAYED = "celery.worker.consumer.delayed_delivery:DelayedDelivery"


def add_tasks(app: Any, worker: Worker) -> None:
    """Have this worker carry out the messages of the application."""
    # No task has a delay, for which Celery would declare 28 more queues beside a quorum queue.
    if _DELAYED in Consumer.Blueprint.default_steps:
        Consumer.Blueprint.default_steps.remove(_DELAYED)

    def analyse_upload(ids: list[str]) -> None:
        """Wakes a worker for one upload. Whose turn it is, the rows decide; the id is for monitors."""
        worker.analyse_next_upload()

    def analyse_files(ids: list[int]) -> None:
        worker.analyse_files(ids)

    def load_models(**_: Any) -> None:
        """Load the models before the first message, in each worker process."""
        worker.warm_up(uploads=UPLOADS in app.amqp.queues.consume_from)

    app.task(analyse_upload, name=ANALYSE_UPLOAD)
    app.task(analyse_files, name=ANALYSE_FILES)
    signals.worker_process_init.connect(load_models, weak=False)
