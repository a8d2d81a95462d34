"""Scans folders into the library: finds new and changed files, analyses them in worker processes, writes the rows.

Only this process writes. A worker turns a file into a record, so that killing any of them, or all, loses no more than
the files in progress.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DataError, OperationalError

from jobs.attempt import Analyser, InternalError, load_pipeline
from jobs.local import process_all
from library.catalogue.changes import mark_change
from library.catalogue.database import Catalogue, DiskFullError, is_disk_full, reason_of
from library.collection import mood_update, reference
from library.collection.files import File, NoFolderError, explain, hash_content, walk
from library.collection.records import TrackRecord, make_record
from library.collection.scan import FolderScan, Reclassify, Summary
from library.collection.tag_changes import read_album
from library.collection.track_writer import Versions
from ml.audio.settings import DecodeLimits
from ml.lyrics.settings import LyricsSettings
from ml.lyrics.version import lyrics_version
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.report.cells import readable_path
from ml.report.errors import AudioError, NotAFileError, SoriError
from ml.report.progress import ProgressCallback, ignore_progress
from ml.report.schema import Report
from ml.similarity import timbre
from ml.similarity.vectors import features_version_of, vectors_version_of

RunFiles = Callable[[FolderScan, list[File]], Iterator[Path]]
"""Analyses these files and has their results written, yielding each path when that is done."""


class ChangingError(AudioError):
    code = "changing"
    sentence = "This file was being written while it was read. Run the command again when it is finished."


@dataclass(frozen=True)
class ScanOptions:
    """How folders are scanned. `load_pipeline` is the load step of each worker."""

    folders: Sequence[Path]
    jobs: int
    limits: DecodeLimits
    weights: Path | None = None
    moods: Path | None = None
    lyrics: LyricsSettings | None = None
    retry_failed: bool = False
    prune: bool = False
    load_pipeline: Callable[[], Any] | None = None
    run_files: RunFiles | None = None
    """How the new files are analysed; None is by worker processes of this one."""


ScanCallback = Callable[[int, int | None, str], None]
"""Called with how many files are finished, of how many (None while folders are searched), and the last one."""


def fill_library(catalogue: Catalogue, options: ScanOptions, on_progress: ScanCallback) -> Summary:
    """Analyse every new or changed file below the folders. Raises where a folder is missing or the disk is full."""
    folders = check_folders(options.folders)
    with _naming_full_disk():
        reference.install(catalogue)
        mood_update.update_moods(catalogue, options.moods)
        keeper = FolderScan(
            catalogue, versions(options), reclassify=_reclassify(options), retry_failed=options.retry_failed
        )
        new = list(_counted(keeper.files_to_analyse(walk(folders)), keeper, on_progress))
        finished = len(keeper.summary.seen) - len(new)
        on_progress(finished, len(keeper.summary.seen), "")
        if new:
            run_files = options.run_files or partial(run_here, options)
            for done, path in enumerate(run_files(keeper, new), start=1):
                on_progress(finished + done, len(keeper.summary.seen), path.name)
        keeper.clear_resolved_failures(folders)
        if options.prune:
            keeper.remove_missing(folders)
        with catalogue.transaction() as session:
            mark_change(session)
    return keeper.summary


def count(summary: Summary) -> dict[str, int]:
    """What a scan did, under the names that pages and the command line show."""
    return {
        "analysed": summary.analysed,
        "unchanged": summary.unchanged,
        "moved": summary.moved + summary.copied + summary.touched,
        "linked": summary.linked,
        "updated": summary.updated,
        "missing": summary.missing,
        "failed": summary.failed + summary.known_failures,
    }


def check_folders(folders: Sequence[Path]) -> list[Path]:
    """The folders as absolute paths; raises where one is not there."""
    for folder in folders:
        if not folder.is_dir():
            raise NoFolderError(folder=readable_path(folder))
    return [Path(os.path.abspath(folder)) for folder in folders]


def run_here(options: ScanOptions, keeper: FolderScan, new: list[File]) -> Iterator[Path]:
    """Analyse files with a process pool on this machine."""
    work = partial(analyse_file, limits=options.limits)
    for file, result in process_all(new, min(options.jobs, len(new)), _load_step(options), work):
        with refusing_values() as refused:
            keeper.store(file, result)
        if refused:
            keeper.store_failure(file, refused[0])
        yield file.path


@contextmanager
def refusing_values() -> Iterator[list[InternalError]]:
    """Around the writing of a result. Where no row can hold it, the list gets the error for that file."""
    refused: list[InternalError] = []
    try:
        yield refused
    except (DataError, ArithmeticError, ValueError) as error:
        refused.append(InternalError(reason=f"{type(error).__name__}: {reason_of(error)}"))


def versions(options: ScanOptions) -> Versions:
    return versions_of(options.weights, options.limits, options.lyrics)


def versions_of(weights: Path | None, limits: DecodeLimits, lyrics: LyricsSettings | None) -> Versions:
    """What a process with these settings analyses with."""
    weights = weights or GENRE_WEIGHTS
    card = load_card(weights)
    model = card.sha256[weights.name]
    how = lyrics_version(lyrics) if lyrics else ""
    return Versions(features_version_of(card), vectors_version_of(model), limits.max_seconds, model, how)


def _load_step(options: ScanOptions) -> Callable[[], Any]:
    return options.load_pipeline or partial(load_pipeline, options.weights, options.moods, options.lyrics)


def _reclassify(options: ScanOptions) -> Reclassify:
    """By a pipeline in this process, which is loaded when the first track needs it."""
    load_once: Callable[[], Analyser] = cache(_load_step(options))

    def reclassify(report: Report, packed: bytes) -> Report:
        unpacked = timbre.unpack(packed)
        return load_once().reclassify(report, unpacked.trunk_output, unpacked.musicality)

    return reclassify


def analyse_file(
    pipeline: Analyser, file: File, on_progress: ProgressCallback = ignore_progress, *, limits: DecodeLimits
) -> TrackRecord:
    """Analyse one file, provided that it stays the same meanwhile."""
    for _ in range(2):
        now = _stat(file.path)
        if not file.path.is_file():
            raise NotAFileError(path=readable_path(file.path))
        try:
            content = hash_content(file.path)
        except OSError as error:
            raise explain(file.path, error) from error
        song_analysis, failure = None, None
        try:
            song_analysis = pipeline.run(file.path, limits=limits, on_progress=on_progress)
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


def _counted(files: Iterator[File], keeper: FolderScan, on_progress: ScanCallback) -> Iterator[File]:
    for file in files:
        on_progress(len(keeper.summary.seen), None, file.path.name)
        yield file


@contextmanager
def _naming_full_disk() -> Iterator[None]:
    try:
        yield
    except (OperationalError, OSError) as error:
        if is_disk_full(error):
            raise DiskFullError() from error
        raise
