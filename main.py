"""The command line: `python main.py serve`, `python main.py analyse FILE...` and a few more.

Arguments and exit codes only. 0: every file was read, or the service was asked to end. 1: some files could not be read,
each with its reason. 2: nothing was tried: the command, an argument, a setting, the address, the database or the model
is wrong. 130: interrupted. 141: the reader of the output has left.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from environment import LANGUAGES, Environment, parse_port, parse_seconds, read_environment, read_language
from jobs.attempt import Analyser, attempt, load_pipeline
from jobs.cluster import nodes
from jobs.cluster.app import QUEUES, require_packages
from jobs.parent_process import on_parent_exit
from library.catalogue.path_map import use_path_map
from library.catalogue.private_files import UMASK
from ml.audio.folders import find_audio
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.cells import clean
from ml.report.errors import SoriError
from ml.report.json_lines import error_to_json, to_json
from ml.report.text import Look, error_to_text, to_text
from ml.report.translation import Translator
from terminal import Progress, as_program, look_of

VERSION = "0.1.0"
ALL_READ, SOME_FAILED, NOT_STARTED = 0, 1, 2
NICENESS = 5
"""Pages go before analyses where both want the same core."""


class NothingToAnalyseError(SoriError):
    code = "nothing"
    sentence = "There is no audio file in {folder}."


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="main.py", description="Sori analyses music: genre, tempo, key, mood and similar tracks."
    )
    parser.add_argument("--version", action="version", version=f"Sori {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    serve = commands.add_parser("serve", help="start the web service (the default)")
    serve.add_argument("--host", help="address to listen on (default: SORI_HOST, or 127.0.0.1)")
    serve.add_argument("--port", help="port to listen on (default: SORI_PORT, or 8000)")
    work = commands.add_parser("work", help="analyse the uploads of a service that runs elsewhere")
    work.add_argument("--queue", choices=("uploads", "folders"), help="with a broker: only this queue (default: both)")
    work.add_argument("--end-with-parent", action="store_true", help="end when standard input is closed")
    commands.add_parser("password", help="ask for a password and print its SORI_PASSWORD_HASH")
    key = commands.add_parser("key", help="create an API key for a program and print its SORI_API_KEYS entry")
    key.add_argument("name", metavar="NAME", help="name of the program")
    analyse = commands.add_parser("analyse", help="analyse files and folders and print the reports")
    analyse.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="an audio file or a folder")
    analyse.add_argument("--json", action="store_true", help="print one JSON object per line")
    analyse.add_argument("--lyrics", action="store_true", help="read the words too (default: if SORI_LYRICS is on)")
    analyse.add_argument("--max-seconds", metavar="N", help="analyse at most N seconds of each file")
    analyse.add_argument("--lang", choices=LANGUAGES, help="language of the output")
    return parser


def run(argv: Sequence[str], *, variables: Mapping[str, str], pipeline: Analyser | None = None) -> int:
    """From a command line to an exit code. The tests pass their own environment and pipeline."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:  # argparse has already said why
        return stop.code if isinstance(stop.code, int) else NOT_STARTED
    translator = Translator(getattr(arguments, "lang", None) or read_language(variables))
    try:
        environment = read_environment(variables)
        use_path_map(environment.path_map)
        require_packages(environment)
        if arguments.command == "analyse":
            return _analyse(arguments, environment, translator, look_of(sys.stdout, variables), pipeline)
        if arguments.command == "work":
            return _work(environment, arguments.queue, arguments.end_with_parent)
        if arguments.command in ("password", "key"):
            return _make_secret(arguments, translator)
        return _serve(arguments, environment, variables, translator)
    except SoriError as error:
        _complain(f"main.py: {translator.explain(error)}")
        return NOT_STARTED


def _serve(
    arguments: argparse.Namespace, environment: Environment, variables: Mapping[str, str], translator: Translator
) -> int:
    from web.server import logs, supervisor  # with the database: `--help` stays fast without

    host, port = getattr(arguments, "host", None), getattr(arguments, "port", None)
    if port is not None:
        environment = replace(environment, port=parse_port("--port", port))
    environment = replace(environment, host=host or environment.host)
    logs.set_up("serve")

    def announce(address: str) -> None:
        print(translator.translate("Sori runs at {address} (Ctrl-C ends it)", address=address), flush=True)

    return supervisor.serve(environment, variables, announce)


def _work(environment: Environment, queue: str | None, end_with_parent: bool) -> int:
    from jobs import engine  # with the database and numpy
    from web.server import logs, supervisor  # with flask

    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    if end_with_parent:
        on_parent_exit(end.set)
    os.umask(UMASK)
    if environment.broker_url:
        logs.set_up("work")
        supervisor.prepare(environment)  # a database of a newer version becomes one sentence
        nodes.run_nodes(environment, [f"sori.{queue}"] if queue else QUEUES, end)
    else:
        os.nice(NICENESS)
        logs.set_up("engine")
        engine.work(environment, end.is_set)
    return ALL_READ


def _make_secret(arguments: argparse.Namespace, translator: Translator) -> int:
    from web.access import credentials  # with flask

    if arguments.command == "key":
        return credentials.make_key(arguments.name, translator)
    return credentials.make_password(translator)


def _analyse(
    arguments: argparse.Namespace,
    environment: Environment,
    translator: Translator,
    look: Look,
    pipeline: Analyser | None,
) -> int:
    if arguments.lyrics:
        environment = replace(environment, lyrics=True)
    seconds = environment.max_seconds
    if arguments.max_seconds is not None:
        seconds = parse_seconds("--max-seconds", arguments.max_seconds)
    files = find_audio(arguments.paths)
    if not files:
        raise NothingToAnalyseError(folder=", ".join(map(str, arguments.paths)))
    failed = False
    limits = replace(DEFAULT_LIMITS, max_seconds=seconds)
    with Progress(len(files), sys.stderr) as progress:
        progress.show(0, translator.translate("loading the model"))
        loaded = pipeline or _load_pipeline(environment)

        def answer(file: Path) -> str:
            report = loaded.run(file, limits=limits).report
            if arguments.json:
                return to_json(report, file=str(file))
            return to_text(report, translator=translator, look=look)

        for done, file in enumerate(files):
            progress.show(done, file.name)
            outcome = attempt(partial(answer, file))
            progress.clear()
            if isinstance(outcome, SoriError):
                failed = True
                _report_failure(file, outcome, arguments.json, translator, debug=environment.debug)
            else:
                print(outcome, flush=True)
    return SOME_FAILED if failed else ALL_READ


def _load_pipeline(environment: Environment) -> Analyser:
    """The pipeline, with the library beside it where there is one."""
    from jobs.neighbours import load_with_neighbours  # with the database and numpy

    pipeline = partial(load_pipeline, environment.genre_weights, environment.mood_weights, environment.lyrics_settings)
    return load_with_neighbours(pipeline, environment.home, environment.database_url)


def _report_failure(file: Path, error: SoriError, as_json: bool, translator: Translator, *, debug: bool) -> None:
    if as_json:
        print(error_to_json(error, translator=translator, file=str(file)), flush=True)
    else:
        _complain(error_to_text(error, name=str(file), translator=translator))
    if debug:
        traceback.print_exception(error, file=sys.stderr)


def _complain(text: str) -> None:
    print(clean(text), file=sys.stderr, flush=True)


def main(*, pipeline: Analyser | None = None) -> int:
    return as_program(lambda: run(sys.argv[1:], variables=os.environ, pipeline=pipeline))


if __name__ == "__main__":
    sys.exit(main())
