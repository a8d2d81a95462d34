"""Deletes expired analyses, also from the backups, and files in the home and in the storage that belong to none."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from jobs.queue.analyses import Analyses
from jobs.queue.service_time import running_seconds
from jobs.queue.song_files.interface import StorageAwayError
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
        self._first_seen: dict[Path | str, float] = {}
        """Paths in the home, and ids of analyses in the storage."""

    def sweep(self) -> None:
        home = self._analyses.home
        with self._analyses.catalogue.engine.connect() as connection:
            if not identity.is_owned(connection, home):  # another database knows the songs in this home
                LOG.error("nothing is deleted: %s", StrangerError(home=home, file=home / FILE_NAME))
                return
        try:
            for analysis_id in self._analyses.expired():
                self._analyses.delete(analysis_id)
            erase_deleted(home)
            self._sweep_orphans()
        except StorageAwayError:  # it has said so in the log; the next sweep continues
            pass

    def _sweep_orphans(self) -> None:
        now = running_seconds()
        paths, stored = self._paths(), self._analyses.files.ids()
        known = self._analyses.ids()  # read last: what is new has its row by then
        orphans: list[Path | str] = [*(path for path in paths if path.name not in known), *(stored - known)]
        self._first_seen = {orphan: self._first_seen.get(orphan, now) for orphan in orphans}
        for orphan, since in self._first_seen.items():
            if now - since >= ORPHAN_SECONDS:
                self._remove(orphan)
        self._analyses.files.remove_copies(known)

    def _paths(self) -> list[Path]:
        folders = (self._analyses.root, self._analyses.incoming)
        return [path for folder in folders if folder.is_dir() for path in folder.iterdir()]

    def _remove(self, orphan: Path | str) -> None:
        if isinstance(orphan, str):
            self._analyses.files.delete(orphan)
            return
        try:
            shutil.rmtree(orphan) if orphan.is_dir() and not orphan.is_symlink() else orphan.unlink()
        except OSError as error:
            LOG.warning("cannot be removed: %s", error.strerror)
