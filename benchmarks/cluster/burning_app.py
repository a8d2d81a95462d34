"""A Celery application whose pipeline takes a fixed amount of processor time for each song, and needs no model."""

from __future__ import annotations

import os
import time
from pathlib import Path

from environment import read_environment
from jobs.cluster.app import make_app
from jobs.cluster.tasks import add_tasks
from jobs.cluster.worker import Worker
from ml.report.progress import ProgressCallback
from tests.fakes import FakePipeline

SECONDS = "BURN_SECONDS"


class BurningPipeline(FakePipeline):
    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        on_progress("decode")
        until = time.process_time() + float(os.environ.get(SECONDS, "0"))
        while time.process_time() < until:
            pass


environment = read_environment(os.environ)
app = make_app(environment)
add_tasks(app, Worker(environment, load_uploads=BurningPipeline, load_files=BurningPipeline))
