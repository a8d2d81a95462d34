"""The input: a path, or a file object that may or may not be seekable.

Decoders read through a `View`. It never raises inside their callbacks (an exception there would be printed by the C
bridge and lost), and it can skip junk before the sound or repair a header without copying the file.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ml.audio.settings import DecodeLimits
from ml.report import errors
from ml.report.cells import readable_path

_COPY_BYTES = 1 << 20


class Source:
    """Open, seekable input: `file`, its `size` in bytes, and a `name` for people."""

    def __init__(self, file: BinaryIO, name: str, path: str | None) -> None:
        self.file = file
        self.name = name
        self._path = path
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)

    @contextlib.contextmanager
    def as_path(self, limits: DecodeLimits) -> Iterator[str]:
        """An absolute path for a child process: the file's own, or that of a private copy."""
        if self._path is not None:
            yield os.path.abspath(self._path)
            return
        handle, path = tempfile.mkstemp(prefix="sori-")
        try:
            with open(handle, "wb") as copy:
                self.file.seek(0)
                _copy(self.file, copy, limits)
            yield path
        finally:
            os.unlink(path)


@contextlib.contextmanager
def open_source(source: str | os.PathLike[str] | BinaryIO, name: str | None, limits: DecodeLimits) -> Iterator[Source]:
    """Open a path, or use a file object, which is read from its beginning and left open."""
    with contextlib.ExitStack() as stack:
        try:
            if isinstance(source, (str, bytes, os.PathLike)):
                path = os.fsdecode(source)
                file = stack.enter_context(_open_path(path))
                yield Source(file, name if name is not None else os.path.basename(path), path)
                return
            if not _can_seek(source):
                source = stack.enter_context(_spooled(source, limits))
            own_name = getattr(source, "name", None)
            yield Source(source, name or (own_name if isinstance(own_name, str) else ""), None)
        except OSError as error:
            raise errors.ReadError(reason=error.strerror or type(error).__name__) from error


def _open_path(path: str) -> BinaryIO:
    name = readable_path(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise errors.FolderError(path=name)
        if not stat.S_ISREG(mode):
            raise errors.NotAFileError(path=name)
        return Path(path).open("rb")
    except PermissionError as error:
        raise errors.DeniedError(path=name) from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        # ValueError: a NUL inside the path, which no file can have.
        raise errors.NotFoundError(path=name) from error
    except OSError as error:
        if not os.path.lexists(path):
            raise errors.NotFoundError(path=name) from error
        raise errors.ReadError(reason=str(error.strerror)) from error


def _can_seek(file: BinaryIO) -> bool:
    try:
        return file.seekable()
    except (AttributeError, ValueError):
        return False


@contextlib.contextmanager
def _spooled(file: BinaryIO, limits: DecodeLimits) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile(prefix="sori-") as copy:
        _copy(file, copy, limits)
        yield copy


def _copy(file: BinaryIO, copy: BinaryIO, limits: DecodeLimits) -> None:
    left = limits.max_spool_bytes
    while block := file.read(min(_COPY_BYTES, left + 1)):
        left -= len(block)
        if left < 0:
            raise errors.TooLargeError(megabytes=limits.max_spool_bytes / 1e6)
        copy.write(block)


class View(io.RawIOBase):
    """`prefix`, then `file` from byte `start` on, with `patches` ({offset in the view: bytes}) applied."""

    def __init__(
        self, file: BinaryIO, start: int = 0, patches: dict[int, bytes] | None = None, prefix: bytes = b""
    ) -> None:
        self._file = file
        self._start = start
        self._patches = patches or {}
        self._prefix = prefix
        self._position = 0
        self.failure: OSError | None = None
        self.stop_at = math.inf
        """The processor time of this thread (`time.thread_time`) from which on the file seems to end."""
        self.is_stopped = False
        self.size = len(prefix) + max(0, file.seek(0, os.SEEK_END) - start)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        # A decoder may read on for minutes without returning: this is where it can be stopped.
        if time.thread_time() > self.stop_at:
            self.is_stopped = True
            return 0
        try:
            data = self._prefix[self._position : self._position + len(buffer)]
            if not data:
                self._file.seek(self._start + self._position - len(self._prefix))
                data = self._file.read(len(buffer))
        except (OSError, ValueError) as error:
            self.failure = self.failure or OSError(str(error))
            return 0
        data = self._patched(data)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _patched(self, data: bytes) -> bytes:
        for offset, patch in self._patches.items():
            for index, byte in enumerate(patch, offset - self._position):
                if 0 <= index < len(data):
                    data = data[:index] + bytes([byte]) + data[index + 1 :]
        return data
