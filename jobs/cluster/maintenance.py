"""What has to be done now and then where a broker wakes the workers, in a process beside each worker for people and
beside each web service.

It queues the songs of dead workers again, sends messages again for songs that waited too long, starts the scans that
people ask for on pages, deletes what has expired, keeps the index file, and serves `/healthz` and `/metrics` of its
machine. Several machines may do all of this at the same time: each step is one statement on rows.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from environment import Environment, read_environment
from jobs import examples
from jobs.cluster.folders import LOST, on_all_machines
from jobs.cluster.health import serve_health
from jobs.cluster.messages import Messages
from jobs.index_duty import IndexDuty, Place
from jobs.parent_process import on_parent_exit
from jobs.queue.analyses import QUEUED, Analysis
from jobs.queue.leases import new_engine_name
from jobs.queue.scan_files import ScanFiles
from jobs.queue.scans import Scans
from jobs.queue.service_time import ServiceTimer
from jobs.scan_runner import ScanRunner, run_in_child
from jobs.sweeper import Sweeper
from jobs.upload_results import open_analyses
from library.catalogue.database import Catalogue, changed, open_catalogue, reason_of
from library.catalogue.path_map import use_path_map
from library.catalogue.tables import Note

LOG = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
SWEEP_SECONDS = 60.0
RESEND_SECONDS = 10.0
"""An upload that has waited so long gets another message: the first may be lost."""
MOST_MESSAGES = 500
WITHOUT_WORKERS = "--without-workers"
"""The option of the process beside a web service, which is no sign that songs are analysed."""
_NOTE = "resent"


class Maintenance:
    """One machine's share of it."""

    def __init__(
        self, environment: Environment, catalogue: Catalogue, messages: Messages, *, has_workers: bool = True
    ) -> None:
        self.analyses = open_analyses(environment, catalogue)
        self.name = new_engine_name()
        self._has_workers = has_workers
        self._messages, self._files = messages, ScanFiles(catalogue)
        self._sweeper, self._timer = Sweeper(self.analyses), ServiceTimer(catalogue)
        run = partial(run_in_child, environment, None, spread=on_all_machines)
        self._scans = ScanRunner(Scans(catalogue), run, folders=environment.folders)
        self._next_sweep = 0.0

    def run(self, ended: threading.Event) -> None:
        while not ended.wait(BEAT_SECONDS):
            try:
                self.beat()
            except (DBAPIError, OSError) as error:
                LOG.warning("the database: %s", reason_of(error))
        try:
            self._scans.end(self.name)
        except DBAPIError as error:
            LOG.warning("the database: %s", reason_of(error))

    def beat(self) -> None:
        if self._has_workers:
            self.analyses.beat()
        self._timer.advance()
        if lost := self.analyses.reclaim(LOST):
            LOG.warning("%s uploads of dead workers are queued again, or have failed", lost)
        self._files.reclaim(LOST)
        self.send_again()
        self._scans.look_after(self.name)
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
            self._sweeper.sweep()

    def send_again(self) -> int:
        """Send messages for the uploads that have waited too long; how many. Of several machines, one does so."""
        now = datetime.now(UTC)
        late = select(Analysis.id).where(
            Analysis.state == QUEUED, Analysis.created_at < now - timedelta(seconds=RESEND_SECONDS)
        )
        with self.analyses.catalogue.session() as session:
            ids = list(session.scalars(late.order_by(Analysis.created_at).limit(MOST_MESSAGES)))
        if not ids or not self._is_first(now):
            return 0
        self._messages.notify_uploads(ids)
        return len(ids)

    def _is_first(self, now: datetime) -> bool:
        """Whether no machine has sent again for a while; from here on, this one has."""
        due = (Note.name == _NOTE) & (Note.value < (now - timedelta(seconds=RESEND_SECONDS)).isoformat())
        with self.analyses.catalogue.transaction() as session:
            if changed(session, update(Note).where(due).values(value=now.isoformat())):
                return True
            if session.get(Note, _NOTE) is None:
                session.merge(Note(name=_NOTE, value=now.isoformat()))
                return True
        return False


def main(*, has_workers: bool = True) -> int:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    on_parent_exit(ended.set)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s maintenance: %(message)s")
    environment = read_environment(os.environ)
    use_path_map(environment.path_map)
    examples.make_in_background(environment.home)
    catalogue, messages = open_catalogue(environment.home, environment.database_url), Messages(environment)
    try:
        with serve_health(environment, catalogue, messages), IndexDuty(Place.of(environment)):
            Maintenance(environment, catalogue, messages, has_workers=has_workers).run(ended)
    finally:
        messages.close()
        catalogue.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(has_workers=WITHOUT_WORKERS not in sys.argv))
