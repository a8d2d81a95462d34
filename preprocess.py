"""Scans music folders into the library: `python preprocess.py FOLDER...`; exports, playlists and tags from it.

Arguments and output only. Exit code 0: all files were read. 1: some were not; `--failures` lists them. 2: nothing was
done. 130: interrupted; finished files are kept, and the same command continues from there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from environment import LANGUAGES, Environment, read_environment, read_language
from jobs.cluster.app import require_packages
from jobs.cluster.folders import on_all_machines
from jobs.cluster.messages import Messages
from jobs.folder_scan import check_folders
from jobs.queue.leases import new_engine_name
from jobs.queue.scans import Scan, Scans
from jobs.scan_runner import ScanStopped, options_of, run_scan
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.failures import read_failures
from library.catalogue.path_map import use_path_map
from library.collection import tag_changes
from library.collection.exports import export, write_playlist
from library.collection.replacement import TagError
from library.search.neighbours import Library
from library.search.playlist import find, walk
from ml.report.cells import clean, readable_path
from ml.report.errors import SoriError
from ml.report.translation import Translator
from terminal import INTERRUPTED, Progress, as_program

ALL_READ, SOME_FAILED, NOT_STARTED = 0, 1, 2

COUNTED = {
    "analysed": "{count} files were analysed.",
    "unchanged": "{count} files are unchanged.",
    "moved": "{count} files were moved, copied or touched.",
    "linked": "{count} files were linked to tracks of the reference catalogue.",
    "updated": "{count} files were updated without a new analysis.",
    "missing": "{count} missing files were removed from the library.",
    "failed": "{count} files could not be read; --failures lists the reasons.",
}


class NoBrokerError(SoriError):
    code = "no_broker"
    sentence = "--engine celery needs a broker: set SORI_BROKER_URL and SORI_DATABASE_URL. --engine local needs none."


class BrokerAwayError(SoriError):
    code = "broker_away"
    sentence = "The broker of SORI_BROKER_URL does not answer. Is it running?"


class NoTargetError(SoriError):
    code = "no_target"
    sentence = "Name the file of the playlist: preprocess.py --playlist TRACK out.m3u8"


class NothingToDoError(SoriError):
    code = "nothing_to_do"
    sentence = "Name the folders to scan, or an action for the library; --help lists them."


class NotACountError(SoriError):
    code = "not_a_count"
    sentence = "{name} is {value}, but it must be 1 or more."


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="preprocess.py", description="Scans music folders into the library, and makes use of the library."
    )
    add = parser.add_argument
    add("paths", nargs="*", type=Path, metavar="FOLDER", help="a music folder; with --playlist the file")
    add("--jobs", type=int, metavar="N", help="worker processes (default: one per core)")
    add(
        "--engine",
        choices=("local", "celery"),
        default="local",
        help="where files are analysed: here, or by the workers",
    )
    add("--retry-failed", action="store_true", help="try failed files again although they did not change")
    add("--prune", action="store_true", help="remove tracks whose files are missing from the folders")
    add("--failures", action="store_true", help="list the files that could not be read, with the reasons")
    add("--export", type=Path, metavar="FILE", help="write every track to a .csv or .json file")
    add("--playlist", metavar="TRACK", help="write a playlist of similar tracks that starts with this one")
    add("--length", type=int, default=30, metavar="N", help="tracks in the playlist (default: 30)")
    add("--duplicates", action="store_true", help="list recordings that exist in several files")
    add("--write-tags", action="store_true", help="list the tags that would change; --apply changes them")
    add("--apply", action="store_true", help="with --write-tags: change the files")
    add("--undo", action="store_true", help="restore the tags that --write-tags changed")
    add("--lang", choices=LANGUAGES, help="language of the output")
    return parser


def run(argv: Sequence[str], *, variables: Mapping[str, str], load_pipeline: Callable[[], Any] | None = None) -> int:
    """From a command line to an exit code. The tests pass their own environment and load step."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:  # argparse has already said why
        return stop.code if isinstance(stop.code, int) else NOT_STARTED
    translator = Translator(arguments.lang or read_language(variables))
    try:
        environment = read_environment(variables)
        use_path_map(environment.path_map)
        require_packages(environment)
        _check(arguments, environment)
        catalogue = open_catalogue(environment.home, environment.database_url)
        try:
            scan = partial(_scan, arguments, environment, catalogue, translator, load_pipeline)
            return _run(arguments, catalogue, translator, scan)
        finally:
            catalogue.close()
    except SoriError as error:
        _complain(f"preprocess.py: {translator.explain(error)}")
        return NOT_STARTED


def _check(arguments: argparse.Namespace, environment: Environment) -> None:
    if arguments.engine == "celery" and not environment.broker_url:
        raise NoBrokerError()
    for name in ("jobs", "length"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise NotACountError(name=f"--{name}", value=value)
    if arguments.playlist and len(arguments.paths) != 1:
        raise NoTargetError()
    actions = ("paths", "failures", "export", "duplicates", "write_tags", "undo")
    if not any(getattr(arguments, name) for name in actions):
        raise NothingToDoError()


def _run(arguments: argparse.Namespace, catalogue: Catalogue, translator: Translator, scan: Callable[[], int]) -> int:
    code = ALL_READ
    if arguments.paths and not arguments.playlist:
        code = scan()
    if arguments.failures:
        _list_failures(catalogue, translator)
    if arguments.undo:
        code = _undo(catalogue, translator) or code
    if arguments.write_tags:
        code = _write_tags(catalogue, translator, really=arguments.apply) or code
    if arguments.duplicates:
        _list_duplicates(catalogue)
    if arguments.playlist:
        _write_playlist(catalogue, arguments)
    if arguments.export:
        count = export(catalogue, arguments.export)
        name = readable_path(arguments.export)
        print(clean(translator.translate("{count} tracks were written to {file}.", count=count, file=name)))
    return code


def _scan(
    arguments: argparse.Namespace,
    environment: Environment,
    catalogue: Catalogue,
    translator: Translator,
    load_pipeline: Callable[[], Any] | None,
) -> int:
    folders = check_folders(arguments.paths)
    if arguments.engine == "celery":
        _check_workers(environment, translator)
    scan = Scan.of(folders, jobs=arguments.jobs, prune=arguments.prune, retry_failed=arguments.retry_failed)
    scan = Scans(catalogue).begin(scan, new_engine_name())
    options = options_of(environment, scan, arguments.jobs or os.cpu_count() or 1, load_pipeline)
    if arguments.engine == "celery":
        options = on_all_machines(environment, catalogue, scan, options)
    try:
        with Progress(None, sys.stderr) as bar:
            counts = run_scan(catalogue, scan, options, _show_on(bar, translator))
    except ScanStopped:
        _complain(translator.translate("The scan was stopped. Finished files are kept."))
        return INTERRUPTED
    for name, number in counts.items():
        if number:
            print(translator.translate(COUNTED[name], count=number))
    if not any(number for name, number in counts.items() if name != "missing"):
        names = ", ".join(map(readable_path, arguments.paths))
        print(clean(translator.translate("There is no audio file in {folder}.", folder=names)))
    return SOME_FAILED if counts["failed"] else ALL_READ


def _check_workers(environment: Environment, translator: Translator) -> None:
    messages = Messages(environment)
    try:
        if not messages.is_reachable():
            raise BrokerAwayError()
        if not messages.has_workers():
            _complain(translator.translate("No worker answers. Start one with “python main.py work”: the scan waits."))
    finally:
        messages.close()


def _show_on(bar: Progress, translator: Translator) -> Callable[[int, int | None, str], None]:
    def on_progress(done: int, total: int | None, name: str) -> None:
        if total is None:
            if done % 100 == 0:
                bar.show(0, translator.translate("{count} files found", count=done))
            return
        if bar.total is None:
            bar.start(done, total)
            name = translator.translate("loading the model") if done < total else ""
        bar.show(done, name)

    return on_progress


def _list_failures(catalogue: Catalogue, translator: Translator) -> None:
    for failure in read_failures(catalogue):
        print(clean(f"{failure.at:%Y-%m-%d %H:%M}  {readable_path(failure.path)}: {translator.explain(failure)}"))


def _list_duplicates(catalogue: Catalogue) -> None:
    for group in Library.load(catalogue).duplicates():
        files = [clean(readable_path(track.path)) for track in group if track.path]
        if len(files) > 1:
            print("\n".join(files), end="\n\n")


def _write_playlist(catalogue: Catalogue, arguments: argparse.Namespace) -> None:
    tracks = walk(Library.load(catalogue), find(catalogue, arguments.playlist), arguments.length)
    write_playlist(tracks, arguments.paths[0])


def _write_tags(catalogue: Catalogue, translator: Translator, *, really: bool) -> int:
    failed = False
    folders = Scans(catalogue).folders()
    for change in tag_changes.plan(catalogue, folders):
        try:
            if change.refusal:
                raise change.refusal
            new = ", ".join(f"{name} = {', '.join(change.after[name])}" for name in change.names)
            print(clean(f"{readable_path(change.path)}: {new}"))
            if really:
                tag_changes.apply(catalogue, change, folders)
        except TagError as error:
            failed = True
            _complain(f"{readable_path(change.path)}: {translator.explain(error)}")
    if not really:
        print(translator.translate("No file was changed. --apply writes these tags; --undo restores them."))
    return SOME_FAILED if failed else ALL_READ


def _undo(catalogue: Catalogue, translator: Translator) -> int:
    failed = False
    for path, error in tag_changes.undo(catalogue, Scans(catalogue).folders()):
        if error is not None:
            failed = True
            _complain(f"{readable_path(path)}: {translator.explain(error)}")
        else:
            print(clean(readable_path(path)))
    return SOME_FAILED if failed else ALL_READ


def _complain(text: str) -> None:
    print(clean(text), file=sys.stderr, flush=True)


def main(*, load_pipeline: Callable[[], Any] | None = None) -> int:
    return as_program(lambda: run(sys.argv[1:], variables=os.environ, load_pipeline=load_pipeline))


if __name__ == "__main__":
    sys.exit(main())
