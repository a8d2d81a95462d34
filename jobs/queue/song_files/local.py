"""The files of uploads in the home: a folder for each analysis."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jobs.queue.song_files.interface import FileStatus, checked_id

_PROBE_BYTES = 200_000


@dataclass(frozen=True)
class LocalFiles:
    root: Path

    def folder(self, analysis_id: str) -> Path:
        return self.root / checked_id(analysis_id)

    def path(self, analysis_id: str, name: str) -> Path:
        return self.folder(analysis_id) / name

    def names(self, analysis_id: str) -> set[str]:
        with suppress(FileNotFoundError, NotADirectoryError):
            return set(os.listdir(self.folder(analysis_id)))
        return set()

    def status(self, analysis_id: str, name: str) -> FileStatus:
        status = self.path(analysis_id, name).stat()
        return FileStatus(status.st_size, status.st_mtime)

    def read(self, analysis_id: str, name: str, start: int = 0, stop: int | None = None) -> bytes:
        with self.path(analysis_id, name).open("rb") as file:
            file.seek(start)
            return file.read() if stop is None else file.read(max(0, stop - start))

    def store(self, analysis_id: str, name: str, path: Path) -> None:
        self.folder(analysis_id).mkdir(parents=True)
        try:
            path.rename(self.path(analysis_id, name))
        except BaseException:
            self.delete(analysis_id)
            raise

    def copy(self, source_id: str, target_id: str, names: Iterable[str]) -> None:
        source, target = self.folder(source_id), self.folder(target_id)
        for name in names:
            if (source / name).exists():
                shutil.copy(source / name, target)

    @contextmanager
    def working_folder(self, analysis_id: str, name: str) -> Iterator[Path]:
        yield self.folder(analysis_id)

    def delete(self, analysis_id: str) -> None:
        """Nothing but a child of `root` is ever removed."""
        folder = self.folder(analysis_id)
        if folder.parent == self.root and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)

    def ids(self) -> set[str]:
        return set()

    def remove_copies(self, known: set[str]) -> None:
        pass

    def check(self) -> None:
        probe = self.root / f".probe-{os.getpid()}"
        try:
            probe.write_bytes(bytes(_PROBE_BYTES))
        finally:
            probe.unlink(missing_ok=True)
