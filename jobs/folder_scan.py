"""Folders into the library: a scan, the processes that hear what is new, the rows that are written.

Only this process writes. The workers turn a file into a digest, so that killing any of them, or all, loses no more than
the files that were being heard.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DataError, OperationalError

from jobs.attempt import Analyser, InternalError, load_pipeline
from jobs.workers import work_through
from library.catalogue.changes import mark_change
from library.catalogue.database import Catalogue, DiskFullError, is_disk_full, reason_of
from library.collection import mood_update, reference
from library.collection.files import File, NoFolderError, explain, hash_content, walk
from library.collection.records import TrackRecord, make_record
from library.collection.scan import FolderScan, Reclassify, Summary, Versions
from library.collection.tag_changes import read_album
from ml.audio.settings import DecodeLimits
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.report.errors import AudioError, NotAFileError, SoriError
from ml.report.schema import Report
from ml.similarity.vectors import features_version_of, vectors_version_of

LOCK_NAME = "library.lock"
_ADVISORY_LOCK = 0x534F5249


class BusyError(SoriError):
    code = "busy"
    sentence = "Another run is filling this library already. Wait for it, or stop it."


class ChangingError(AudioError):
    code = "changing"
    sentence = "This file was being written while it was read. Run the command again when it is finished."


@dataclass(frozen=True)
class Order:
    """How folders are to be digested. `wake` makes the ear in each process."""

    folders: Sequence[Path]
    jobs: int
    limits: DecodeLimits
    weights: Path | None = None
    moods: Path | None = None
    retry_failed: bool = False
    prune: bool = False
    load_pipeline: Callable[[], Any] | None = None


ProgressCallback = Callable[[int, int | None, str], None]
"""Told how many files are settled, of how many, and which one was last."""


def fill_library(catalogue: Catalogue, home: Path, order: Order, on_progress: ProgressCallback) -> Summary:
    """Digest every new or changed file below the folders. Raises when another run is at it, or the disk is full."""
    folders = [Path(os.path.abspath(folder)) for folder in order.folders]
    for folder in folders:
        if not folder.is_dir():
            raise NoFolderError(folder=os.fsencode(folder).decode("utf-8", "replace"))
    with _alone(catalogue, home), _disk_minded():
        reference.install(catalogue)
        mood_update.update_moods(catalogue, order.moods)
        keeper = FolderScan(
            catalogue, versions(order), reclassify=_reclassify(order), retry_failed=order.retry_failed
        )
        new = list(_counted(keeper.files_to_analyse(walk(folders)), keeper, on_progress))
        settled = len(keeper.summary.seen) - len(new)
        on_progress(settled, len(keeper.summary.seen), "")
        if new:
            listen = partial(analyse_file, limits=order.limits)
            ended = work_through(new, min(order.jobs, len(new)), _pipeline(order), listen)
            for done, (file, result) in enumerate(ended, start=1):
                _keep(keeper, file, result)
                on_progress(settled + done, len(keeper.summary.seen), file.path.name)
        keeper.clear_resolved_failures(folders)
        if order.prune:
            keeper.remove_missing(folders)
        with catalogue.session() as session:
            mark_change(session)
            session.commit()
    return keeper.summary


def _keep(keeper: FolderScan, file: File, result: TrackRecord | SoriError) -> None:
    """Write down what hearing gave. What no row can hold is that one file's failure."""
    try:
        keeper.store(file, result)
    except (DataError, ArithmeticError, ValueError) as error:
        keeper.store_failure(file, InternalError(reason=f"{type(error).__name__}: {reason_of(error)}"))


def versions(order: Order) -> Versions:
    weights = order.weights or GENRE_WEIGHTS
    card = load_card(weights)
    model = card.sha256[weights.name]
    return Versions(features_version_of(card), vectors_version_of(model), order.limits.max_seconds, model)


def _pipeline(order: Order) -> Callable[[], Any]:
    """What wakes an ear for this order, in this process or in one of the crew."""
    return order.load_pipeline or partial(load_pipeline, order.weights, order.moods)


def _reclassify(order: Order) -> Reclassify:
    """By an ear in this process, which is woken when the first track needs it."""
    pipelines: list[Analyser] = []

    def reclassify(report: Report, kept: bytes) -> Report:
        from ml.similarity import timbre

        if not pipelines:
            pipelines.append(_pipeline(order)())
        heard = timbre.unpack(kept)
        return pipelines[0].reclassify(report, heard.trunk_output, heard.musicality)

    return reclassify


def analyse_file(pipeline: Analyser, file: File, *, limits: DecodeLimits) -> TrackRecord:
    """Hear one file and keep what the library needs, provided that it stayed the same meanwhile."""
    for _ in range(2):
        now = _stat(file.path)
        if not file.path.is_file():
            raise NotAFileError(path=os.fsencode(file.path).decode("utf-8", "replace"))
        try:
            content = hash_content(file.path)
        except OSError as error:
            raise explain(file.path, error) from error
        song_analysis, failure = None, None
        try:
            song_analysis = pipeline.run(file.path, limits=limits)
        except SoriError as error:
            failure = error
        if _stat(file.path) == now:
            if song_analysis is None:
                raise failure or ChangingError()
            return make_record(song_analysis, now, content, read_album(file.path))
    raise ChangingError()


def _stat(path: Path) -> File:
    try:
        return File.of(path, path.stat())
    except OSError as error:
        raise explain(path, error) from error


def _counted(files: Iterator[File], keeper: FolderScan, on_progress: ProgressCallback) -> Iterator[File]:
    for file in files:
        on_progress(len(keeper.summary.seen), None, file.path.name)
        yield file


@contextmanager
def _alone(catalogue: Catalogue, home: Path) -> Iterator[None]:
    """One run at a time: by a lock on this machine, and by one in the database where several machines share it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK_NAME).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError() from error
        if catalogue.engine.dialect.name != "postgresql":
            yield
            return
        with catalogue.engine.connect() as connection:
            asked = text("SELECT pg_try_advisory_lock(:key)")
            if not connection.execute(asked, {"key": _ADVISORY_LOCK}).scalar():
                raise BusyError()
            connection.commit()
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})


@contextmanager
def _disk_minded() -> Iterator[None]:
    try:
        yield
    except (OperationalError, OSError) as error:
        if is_disk_full(error):
            raise DiskFullError() from error
        raise
