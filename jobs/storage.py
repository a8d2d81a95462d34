"""Whether the results of analyses can be stored. Where they cannot, that is no fault of the song: it waits."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.queue.song_files.interface import SongFiles, StorageAwayError
from library.catalogue.database import DiskFullError, is_disk_full
from library.catalogue.identity import FILE_NAME
from ml.report.errors import NotFoundError, SoriError

LOG = logging.getLogger(__name__)

ROOM_BYTES = 8_000_000
ROOM_FILES = 64
"""More than the results of the analyses in progress and the database's journal take."""
CHECK_SECONDS = 1.0
PROBE_SECONDS = 5.0
"""A storage that takes longer is away: an engine must not stand still for longer than its lease."""
WAITS, GOES_ON = "results cannot be stored: songs wait until there is room", "results can be stored again"


class NotStoredError(SoriError):
    code = "not_stored"
    sentence = "The result could not be stored on the server: {reason}. Upload the song again later."


def has_room(home: Path) -> bool:
    """Whether the disk of the home has room, for bytes and for files."""
    status = os.statvfs(home)
    is_counted = status.f_files > 0  # some file systems have no fixed number of files
    has_files = status.f_favail >= ROOM_FILES or not is_counted
    return has_files and status.f_bavail * status.f_frsize >= ROOM_BYTES


@contextmanager
def naming_full_disk() -> Iterator[None]:
    """Turn every error that a full disk has caused, whatever it was wrapped in, into that of the full disk."""
    try:
        yield
    except Exception as error:
        if any(is_disk_full(cause) for cause in _causes(error)):
            raise DiskFullError() from error
        raise


@contextmanager
def storing() -> Iterator[None]:
    """Around the writing of results, where an error of the system is never the song's."""
    try:
        yield
    except FileNotFoundError:
        raise  # the song was deleted meanwhile
    except OSError as error:
        if is_disk_full(error):
            raise
        raise NotStoredError(reason=error.strerror or type(error).__name__) from error


def _causes(error: BaseException | None) -> Iterator[Exception]:
    while isinstance(error, Exception):
        yield error
        error = error.__cause__ or error.__context__


class Storage:
    """Watches the home and the files of uploads for one engine."""

    def __init__(self, home: Path, files: SongFiles) -> None:
        self._home, self._files = home, files
        self._probe: _Probe | None = None
        self._is_waiting, self._has_failed = False, False
        self._next_check = 0.0

    def is_ready(self) -> bool:
        """Whether the next song can be analysed. The log gets one line when that ends and one when it begins again."""
        now = time.monotonic()
        if now < self._next_check:
            return not self._is_waiting
        self._next_check = now + CHECK_SECONDS
        is_ready = has_room(self._home) and not (self._has_failed and self._find_fault())
        if is_ready:
            self._has_failed = False
        if is_ready is self._is_waiting:
            self._is_waiting = not is_ready
            LOG.warning(GOES_ON if is_ready else WAITS)
        return is_ready

    def report_failure(self) -> None:
        """Let songs wait until a probe has been written."""
        self._has_failed, self._is_waiting, was_waiting = True, True, self._is_waiting
        self._next_check = time.monotonic() + CHECK_SECONDS
        if not was_waiting:
            LOG.warning(WAITS)

    def is_at_fault(self, error: SoriError) -> bool:
        """Whether the storage, and not the song, is why an analysis ended with this error; then songs wait."""
        is_suspect = isinstance(error, NotStoredError | NotFoundError | StorageAwayError)
        if isinstance(error, DiskFullError) or (is_suspect and self._find_fault()):
            self.report_failure()
            return True
        return False

    def _find_fault(self) -> bool:
        """Whether the home is gone, as a network disk may be, or nothing can be stored."""
        if self._probe is None or not self._probe.is_alive():
            self._probe = _Probe(self._home, self._files)
            self._probe.start()
        self._probe.join(PROBE_SECONDS)
        return self._probe.has_failed


class _Probe(threading.Thread):
    """A check in a thread: a storage may not answer at all."""

    def __init__(self, home: Path, files: SongFiles) -> None:
        super().__init__(daemon=True)
        self._home, self._files = home, files
        self.has_failed = True

    def run(self) -> None:
        try:
            if (self._home / FILE_NAME).exists():
                self._files.check()
                self.has_failed = False
        except (OSError, SoriError):
            pass
