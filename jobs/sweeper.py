"""Deletes expired analyses, also from the backups, and folders and files in the home that belong to none."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from jobs.queue.analyses import Analyses
from jobs.queue.service_time import running_seconds
from library.catalogue import identity
from library.catalogue.backups import erase_deleted
from library.catalogue.identity import FILE_NAME, StrangerError

LOG = logging.getLogger(__name__)

ORPHAN_SECONDS = 3600.0
"""A folder or file without a row for this long is left over, from an interrupted upload for example."""


class Sweeper:
    """Remembers when it first saw what belongs to no row: the times of files come from a clock that may jump."""

    def __init__(self, analyses: Analyses) -> None:
        self._analyses = analyses
        self._first_seen: dict[Path, float] = {}

    def sweep(self) -> None:
        home = self._analyses.home
        with self._analyses.catalogue.engine.connect() as connection:
            if not identity.is_owned(connection, home):  # another database knows the songs in this home
                LOG.error("nothing is deleted: %s", StrangerError(home=home, file=home / FILE_NAME))
                return
        for analysis_id in self._analyses.expired():
            self._analyses.delete(analysis_id)
        erase_deleted(home)
        now = running_seconds()
        files, known = self._files(), self._analyses.ids()
        orphans = [path for path in files if path.name not in known]
        self._first_seen = {path: self._first_seen.get(path, now) for path in orphans}
        for path, since in self._first_seen.items():
            if now - since >= ORPHAN_SECONDS:
                _remove(path)

    def _files(self) -> list[Path]:
        folders = (self._analyses.root, self._analyses.incoming)
        return [path for folder in folders if folder.is_dir() for path in folder.iterdir()]


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    except OSError as error:
        LOG.warning("cannot be removed: %s", error.strerror)
