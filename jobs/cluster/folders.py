"""Has the files of a scan analysed by the workers of all machines: stores rows, sends batches of ids, counts outcomes.

Killing this process stops nothing: the workers finish what has been sent. The next scan takes over the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from environment import Environment
from jobs.cluster.messages import Messages
from jobs.cluster.persistence import persist
from jobs.folder_scan import ScanOptions
from jobs.local import CrashedError
from jobs.queue.scan_files import ScanFiles
from jobs.queue.scans import Scan
from library.catalogue.database import Catalogue
from library.collection.files import File
from library.collection.scan import FolderScan

BATCH = 32
WINDOW = 512 * BATCH
"""So many files are sent and not finished at most: the broker never holds a whole library."""
POLL_SECONDS = 0.2
SILENT_SECONDS = 10.0
"""When nothing has ended and no worker has a file for so long, the messages are taken for lost and sent again."""
LONGEST_SILENCE_SECONDS = 300.0
LOST = CrashedError(reason="its worker was lost")

Send = Callable[[list[int]], bool]


def on_all_machines(environment: Environment, catalogue: Catalogue, scan: Scan, options: ScanOptions) -> ScanOptions:
    """The same scan, whose files the workers of all machines analyse."""
    files, messages = ScanFiles(catalogue), Messages(environment)
    files.take_over(scan.id)
    return replace(options, run_files=partial(run_on_workers, files, messages.notify_files, scan.id))


def run_on_workers(files: ScanFiles, send: Send, scan_id: int, keeper: FolderScan, new: list[File]) -> Iterator[Path]:
    """A `RunFiles` for the files of this scan: yields each path when its result is in the library."""
    persist(lambda: files.add(scan_id, new))
    sender = _Sender(files, send, scan_id)
    left = {file.path for file in new}
    try:
        while left:
            persist(lambda: files.reclaim(LOST))
            ended = persist(lambda: files.collect(scan_id))
            for file, outcome, failure_code in ended:
                if file.path not in left:  # an interrupted run of this scan had sent it
                    continue
                if failure_code is not None:
                    persist(partial(keeper.store_failure, file, LOST))
                elif outcome is not None:
                    keeper.summary.count(outcome)
                left.remove(file.path)
                yield file.path
            sender.note_ended(len(ended))
            if not persist(sender.advance):
                break  # somebody else has emptied the table
            if not ended:
                time.sleep(POLL_SECONDS)
    finally:
        with suppress(DBAPIError):  # it is away: the next scan deletes them
            files.discard(scan_id)


class _Sender:
    """Keeps the window full, and sends again what seems to be lost."""

    def __init__(self, files: ScanFiles, send: Send, scan_id: int) -> None:
        self._files, self._send, self._scan_id = files, send, scan_id
        self._last_sign = time.monotonic()
        self._silence = SILENT_SECONDS
        self._in_flight = 0

    def note_ended(self, count: int) -> None:
        self._in_flight -= count
        if count:
            self._last_sign, self._silence = time.monotonic(), SILENT_SECONDS

    def advance(self) -> bool:
        """Send what the window has room for. False where no file of the scan is left."""
        if time.monotonic() - self._last_sign >= self._silence:
            waiting, leased = self._files.count_left(self._scan_id)
            if not waiting + leased:
                return False
            self._last_sign = time.monotonic()
            if not leased:
                self._files.unsend(self._scan_id)
                self._in_flight, self._silence = 0, min(2 * self._silence, LONGEST_SILENCE_SECONDS)
        while self._in_flight <= WINDOW - BATCH and (ids := self._files.take_unsent(self._scan_id, BATCH)):
            self._in_flight += len(ids)
            if not self._send(ids):
                break  # the broker is away: these are sent again after the silence
        return True
