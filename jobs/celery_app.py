"""What `celery -A jobs.celery_app worker` loads: the application for the settings of this process, with its tasks.

`python main.py work` starts such workers with the right options, and the maintenance beside them.
"""

from __future__ import annotations

import os

from jobs.local import THREADS

os.environ.update(dict.fromkeys(THREADS, "1"))  # before numpy is loaded, which reads them once

from environment import read_environment
from jobs.cluster.app import make_app
from jobs.cluster.tasks import add_tasks
from jobs.cluster.worker import Worker
from library.catalogue.path_map import use_path_map

environment = read_environment(os.environ)
use_path_map(environment.path_map)
app = make_app(environment)
add_tasks(app, Worker(environment))
