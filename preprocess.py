"""Folders of music to a library: `python preprocess.py FOLDER...`, and what can be had from the library afterwards.

Arguments and progress only. 0: everything was read. 1: some files were not; `--failures` names them. 2: nothing was
tried. 130: interrupted; what was finished is kept, and the same command goes on from there.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from environment import LANGUAGES, Environment, read_environment, read_language
from jobs.folder_scan import Order, fill_library
from jobs.telling import Lines, count
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.failures import read_failures
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.cells import clean
from ml.report.errors import SoriError
from ml.report.translation import Translator
from terminal import Progress, as_program

ALL_READ, SOME_FAILED, NOT_STARTED = 0, 1, 2

COUNTED = {
    "heard": "{count} files were heard.",
    "unchanged": "{count} files are as they were.",
    "moved": "{count} files were moved, copied or touched.",
    "linked": "{count} files are songs of the reference, which can be played now.",
    "described": "{count} files were described anew without hearing them.",
    "forgotten": "{count} files are gone and forgotten.",
    "failed": "{count} files could not be read; --failures says why.",
}


class NotYetError(SoriError):
    code = "not_yet"
    sentence = "--engine celery is not built yet; --engine local uses every core of this machine."


class NoTargetError(SoriError):
    code = "no_target"
    sentence = "Say where the playlist goes: preprocess.py --playlist TRACK out.m3u8"


class NothingToDoError(SoriError):
    code = "nothing_to_do"
    sentence = "Say which folders to read, or what to do with the library; --help lists it."


class NotACountError(SoriError):
    code = "not_a_count"
    sentence = "{name} is {value}, but it must be 1 or more."


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="preprocess.py", description="Folders of music become a library that remembers them."
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="FOLDER", help="a folder of music; with --playlist the file"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processes that listen (default: one per core)")
    parser.add_argument(
        "--engine", choices=("local", "celery"), default="local", help="where files are heard"
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="try files again that failed and did not change"
    )
    parser.add_argument("--prune", action="store_true", help="forget files that are gone from the folders")
    parser.add_argument("--failures", action="store_true", help="list the files that could not be read")
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write every track to a .csv or .json file"
    )
    parser.add_argument("--playlist", metavar="TRACK", help="write a walk of similar tracks, from this one")
    parser.add_argument("--length", type=int, default=30, metavar="N", help="tracks in the playlist")
    parser.add_argument("--duplicates", action="store_true", help="list recordings that are there twice")
    parser.add_argument(
        "--write-tags", action="store_true", help="show which tags would change; --apply does it"
    )
    parser.add_argument("--apply", action="store_true", help="with --write-tags: change the files")
    parser.add_argument("--undo", action="store_true", help="put the tags back that --write-tags changed")
    parser.add_argument(
        "--progress", choices=("bar", "json"), default="bar", help="a bar for people, lines for programs"
    )
    parser.add_argument("--lang", choices=LANGUAGES, help="the language of the answer")
    return parser


def run(
    argv: Sequence[str], *, variables: Mapping[str, str], load_pipeline: Callable[[], Any] | None = None
) -> int:
    """One command line to one exit code. The tests hand in their own environment, and an ear to be woken."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:  # argparse has already said why
        return stop.code if isinstance(stop.code, int) else NOT_STARTED
    translator = Translator(arguments.lang or read_language(variables))
    try:
        environment = read_environment(variables)
        _check(arguments)
        catalogue = open_catalogue(environment.home, environment.database_url)
        try:
            return _serve(arguments, environment, catalogue, translator, load_pipeline)
        finally:
            catalogue.close()
    except SoriError as error:
        if arguments.progress == "json":
            Lines(sys.stdout).fail(error)
        _complain(f"preprocess.py: {translator.explain(error)}")
        return NOT_STARTED


def _check(arguments: argparse.Namespace) -> None:
    if arguments.engine == "celery":
        raise NotYetError()
    for name in ("jobs", "length"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise NotACountError(name=f"--{name}", value=value)
    if arguments.playlist and len(arguments.paths) != 1:
        raise NoTargetError()
    asked = ("paths", "failures", "export", "duplicates", "write_tags", "undo")
    if not any(getattr(arguments, name) for name in asked):
        raise NothingToDoError()


def _serve(
    arguments: argparse.Namespace,
    environment: Environment,
    catalogue: Catalogue,
    translator: Translator,
    load_pipeline: Callable[[], Any] | None,
) -> int:
    code = ALL_READ
    if arguments.paths and not arguments.playlist:
        code = _fill(arguments, environment, catalogue, translator, load_pipeline)
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
        from library.collection.exports import export

        count = export(catalogue, arguments.export)
        print(translator.translate("{count} tracks are in {file}.", count=count, file=arguments.export))
    return code


def _fill(
    arguments: argparse.Namespace,
    environment: Environment,
    catalogue: Catalogue,
    translator: Translator,
    load_pipeline: Callable[[], Any] | None,
) -> int:
    order = Order(
        folders=arguments.paths,
        jobs=arguments.jobs or os.cpu_count() or 1,
        limits=replace(DEFAULT_LIMITS, max_seconds=environment.max_seconds),
        weights=environment.genre_weights,
        moods=environment.mood_weights,
        retry_failed=arguments.retry_failed,
        prune=arguments.prune,
        load_pipeline=load_pipeline,
    )
    lines = Lines(sys.stdout) if arguments.progress == "json" else None
    with Bar(translator) as bar:
        summary = fill_library(
            catalogue, environment.home, order, lines.on_progress if lines else bar.on_progress
        )
    told = count(summary)
    code = SOME_FAILED if told["failed"] else ALL_READ
    if lines:
        lines.end(told)
        return code
    for name, number in told.items():
        if number:
            print(translator.translate(COUNTED[name], count=number))
    if not summary.seen:
        print(
            translator.translate(
                "There is no audio file in {folder}.", folder=", ".join(map(str, arguments.paths))
            )
        )
    return code


class Bar:
    """Progress with the rate of this run and the time that is left at that rate."""

    def __init__(self, translator: Translator) -> None:
        self._translator = translator
        self._progress = Progress(0, sys.stderr)
        self._start: tuple[float, int] | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.clear()

    def on_progress(self, done: int, total: int | None, name: str) -> None:
        if total is None:
            if done % 100 == 0:
                self._progress.show(0, self._translator.translate("{count} files found", count=done))
            return
        now = time.monotonic()
        if self._start is None:
            self._start = now, done
            self._progress = Progress(total, sys.stderr)
            self._progress.show(done, self._translator.translate("loading the model") if done < total else "")
            return
        rate = (done - self._start[1]) / max(now - self._start[0], 1e-3)
        left = (total - done) / rate if rate else 0.0
        told = self._translator.translate(
            "{rate} a minute, {left} left", rate=f"{60 * rate:.0f}", left=clock(left)
        )
        self._progress.show(done, f"{told}  {name}")


def clock(seconds: float) -> str:
    """3700 -> "1:01:40", 65 -> "1:05"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _list_failures(catalogue: Catalogue, translator: Translator) -> None:
    for failure in read_failures(catalogue):
        print(clean(f"{failure.at:%Y-%m-%d %H:%M}  {shown(failure.path)}: {translator.explain(failure)}"))


def _list_duplicates(catalogue: Catalogue) -> None:
    from library.search.neighbours import Library

    for group in Library.load(catalogue).duplicates():
        files = [clean(shown(track.path)) for track in group if track.path]
        if len(files) > 1:
            print("\n".join(files), end="\n\n")


def _write_playlist(catalogue: Catalogue, arguments: argparse.Namespace) -> None:
    from library.collection.exports import write_playlist
    from library.search.neighbours import Library
    from library.search.playlist import find, walk

    tracks = walk(Library.load(catalogue), find(catalogue, arguments.playlist), arguments.length)
    write_playlist(tracks, arguments.paths[0])


def _write_tags(catalogue: Catalogue, translator: Translator, *, really: bool) -> int:
    from library.collection import tag_changes
    from library.collection.tag_files import TagError

    failed = False
    for change in tag_changes.plan(catalogue):
        new = {name: value for name, value in change.after.items() if change.before.get(name) != value}
        print(clean(f"{shown(change.path)}: " + ", ".join(f"{n} = {', '.join(v)}" for n, v in new.items())))
        if really:
            try:
                tag_changes.apply(catalogue, change)
            except TagError as error:
                failed = True
                _complain(f"{shown(change.path)}: {translator.explain(error)}")
    if not really:
        print(
            translator.translate(
                "Nothing was changed. With --apply these tags are written; --undo takes them back."
            )
        )
    return SOME_FAILED if failed else ALL_READ


def _undo(catalogue: Catalogue, translator: Translator) -> int:
    from library.collection import tag_changes

    failed = False
    for path, error in tag_changes.undo(catalogue):
        if error is not None:
            failed = True
            _complain(f"{shown(path)}: {translator.explain(error)}")
        else:
            print(clean(shown(path)))
    return SOME_FAILED if failed else ALL_READ


def shown(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _complain(text: str) -> None:
    print(clean(text), file=sys.stderr, flush=True)


def main(*, load_pipeline: Callable[[], Any] | None = None) -> int:
    return as_program(lambda: run(sys.argv[1:], variables=os.environ, load_pipeline=load_pipeline))


if __name__ == "__main__":
    sys.exit(main())
