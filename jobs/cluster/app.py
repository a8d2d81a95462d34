"""The Celery application: queues, limits, and what a worker does with each message.

A message only wakes a worker. Its ids say for monitors what it is about; the rows decide what is done, so a message may
be lost or delivered several times. Nothing stores results.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from environment import Environment
from jobs.local import WALL_SECONDS
from ml.report.errors import SoriError

UPLOADS, FOLDERS = QUEUES = ("sori.uploads", "sori.folders")
"""One queue for people and one for folders, with workers of their own: an upload never waits behind a folder."""
ANALYSE_UPLOAD, ANALYSE_FILES = "sori.analyse_upload", "sori.analyse_files"
HARD_LIMIT_SECONDS = WALL_SECONDS + 60.0
"""A worker process is killed after this. Half of the broker's time to deliver again, so that it happens first."""
REDELIVERY_SECONDS = 2 * HARD_LIMIT_SECONDS
DELIVERIES = 5
"""RabbitMQ drops a message after so many deliveries. Its rows are sent again."""
PROCESS_SONGS = 1000
PROCESS_KB = 2_500_000
"""A worker process is replaced after so many messages or with so much memory, which frees what leaked."""
CONNECT_SECONDS = 3.0
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where the processes of a machine write their numbers. It is set before prometheus_client is first used."""


class ClusterPackagesError(SoriError):
    code = "cluster_packages"
    sentence = "SORI_BROKER_URL needs more packages. Install them with “pip install -r requirements-cluster.txt”."


def require_packages(environment: Environment) -> None:
    """Raise where the settings need Celery and it is not there."""
    if environment.broker_url and not all(map(find_spec, ("celery", "redis"))):
        raise ClusterPackagesError()


def make_app(environment: Environment) -> Any:
    """The application for these settings. The tasks import their code when they run, in worker processes."""
    from celery import Celery
    from kombu import Exchange, Queue

    url = environment.broker_url or ""
    is_redis = url.startswith("redis")
    arguments = {} if is_redis else _queue_arguments(environment)
    app = Celery("sori", broker=url, set_as_current=False)
    app.conf.update(
        task_queues=[Queue(name, Exchange(name), name, queue_arguments=arguments) for name in QUEUES],
        task_default_queue=FOLDERS,
        task_routes={ANALYSE_UPLOAD: {"queue": UPLOADS}, ANALYSE_FILES: {"queue": FOLDERS}},
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=False,  # else a song that kills its worker would never stop being delivered
        task_track_started=False,
        task_time_limit=HARD_LIMIT_SECONDS,
        task_soft_time_limit=WALL_SECONDS,
        task_send_sent_event=True,
        worker_send_task_events=True,
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=PROCESS_SONGS,
        worker_max_memory_per_child=PROCESS_KB,
        worker_proc_alive_timeout=300.0,  # loading the models takes seconds, or a minute on a busy machine
        worker_hijack_root_logger=False,
        worker_enable_remote_control=True,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=redis_options() if is_redis else {"confirm_publish": True},
        worker_cancel_long_running_tasks_on_connection_loss=False,  # the row still holds its lease
        accept_content=["json"],
        task_serializer="json",
    )
    return app


def _queue_arguments(environment: Environment) -> dict[str, Any]:
    if environment.quorum_queues:
        return {"x-queue-type": "quorum", "x-delivery-limit": DELIVERIES}
    return {"x-queue-type": "classic"}


def redis_options() -> dict[str, Any]:
    return {
        "visibility_timeout": REDELIVERY_SECONDS,
        "global_keyprefix": "sori:",
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": 30.0,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "retry_on_timeout": True,
    }
