"""The Celery application of a fast node: that of `jobs.celery_app` with a fake pipeline."""

from __future__ import annotations

import os

from environment import read_environment
from jobs.cluster.app import make_app
from jobs.cluster.tasks import add_tasks
from jobs.cluster.worker import Worker
from tests.faults.cluster.fast_node import ClusterPipeline, shorten

shorten()
environment = read_environment(os.environ)
app = make_app(environment)
add_tasks(app, Worker(environment, load_uploads=ClusterPipeline, load_files=ClusterPipeline))
