"""Whether the home can take the results of analyses. Where it cannot, that is no fault of the song: it waits."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from library.catalogue.database import DiskFullError, is_disk_full
from library.catalogue.identity import FILE_NAME
from ml.report.errors import NotFoundError, SoriError

LOG = logging.getLogger(__name__)

ROOM_BYTES = 8_000_000
ROOM_FILES = 64
"""More than the results of the analyses in progress and the database's journal take."""
CHECK_SECONDS = 1.0
_PROBE_BYTES = 200_000
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
    """Watches the home for one engine."""

    def __init__(self, home: Path, results: Path) -> None:
        self._home, self._results = home, results
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
        """Whether the home, and not the song, is why an analysis ended with this error; then songs wait."""
        is_suspect = isinstance(error, NotStoredError | NotFoundError)
        if isinstance(error, DiskFullError) or (is_suspect and self._find_fault()):
            self.report_failure()
            return True
        return False

    def _find_fault(self) -> bool:
        """Whether the home is gone, as a network disk may be, or refuses to be written to."""
        probe = self._results / f".probe-{os.getpid()}"
        try:
            if not (self._home / FILE_NAME).exists():
                return True
            try:
                probe.write_bytes(bytes(_PROBE_BYTES))
            finally:
                probe.unlink(missing_ok=True)
        except OSError:
            return True
        return False
