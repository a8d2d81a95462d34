"""Sori's front door: `python main.py serve` and `python main.py analyse FILE...`.

Arguments and exit codes only. 0: every file was read. 1: some were not, each with its reason. 2: nothing was
tried, as the command, an argument, a setting or the model is wrong. 130: interrupted. 141: the reader left.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from environment import LANGUAGES, Environment, parse_seconds, read_environment, read_language
from jobs.attempt import Listener, attempt, wake
from ml.cells import clean
from ml.errors import SoriError
from ml.folders import find_audio
from ml.settings import DEFAULT_LIMITS
from ml.words import Words
from ml.writers import Look, error_to_json, error_to_text, to_json, to_text
from terminal import Progress, as_program, look_of

VERSION = "0.1.0"
ALL_READ, SOME_FAILED, NOT_STARTED = 0, 1, 2


class NothingToAnalyseError(SoriError):
    code = "nothing"
    sentence = "There is no audio file in {folder}."


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="main.py", description="Sori hears what a song sounds like.")
    parser.add_argument("--version", action="version", version=f"Sori {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("serve", help="start the web service (the default)")
    analyse = commands.add_parser("analyse", help="listen to files and folders and say what they sound like")
    analyse.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="an audio file, or a folder of them"
    )
    analyse.add_argument("--json", action="store_true", help="one JSON object per line, for programs")
    analyse.add_argument("--max-seconds", metavar="N", help="listen to at most N seconds of each file")
    analyse.add_argument("--lang", choices=LANGUAGES, help="the language of the answer")
    return parser


def run(argv: Sequence[str], *, variables: Mapping[str, str], ear: Listener | None = None) -> int:
    """One command line to one exit code. The tests hand in their own environment and ear."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:  # argparse has already said why
        return stop.code if isinstance(stop.code, int) else NOT_STARTED
    words = Words(getattr(arguments, "lang", None) or read_language(variables))
    try:
        environment = read_environment(variables)
        if arguments.command == "analyse":
            return _analyse(arguments, environment, words, look_of(sys.stdout, variables), ear)
    except SoriError as error:
        _complain(f"main.py: {words.explain(error)}")
        return NOT_STARTED
    print(words.say("The web page is not built yet; this works: python main.py analyse FILE"))
    return ALL_READ


def _analyse(
    arguments: argparse.Namespace, environment: Environment, words: Words, look: Look, ear: Listener | None
) -> int:
    seconds = environment.max_seconds
    if arguments.max_seconds is not None:
        seconds = parse_seconds("--max-seconds", arguments.max_seconds)
    files = find_audio(arguments.paths)
    if not files:
        raise NothingToAnalyseError(folder=", ".join(map(str, arguments.paths)))
    failed = False
    with Progress(len(files), sys.stderr) as progress:
        progress.show(0, words.say("loading the model"))
        ear = ear or _wake(environment)
        for done, file in enumerate(files):
            progress.show(done, file.name)
            write = (
                partial(to_json, file=str(file))
                if arguments.json
                else partial(to_text, words=words, look=look)
            )
            outcome = attempt(file, ear, write, limits=replace(DEFAULT_LIMITS, max_seconds=seconds))
            progress.clear()
            if isinstance(outcome, SoriError):
                failed = True
                _report_failure(file, outcome, arguments.json, words, debug=environment.debug)
            else:
                print(outcome, flush=True)
    return SOME_FAILED if failed else ALL_READ


def _wake(environment: Environment) -> Listener:
    """The ear, with the library beside it where there is one."""
    from jobs.company import accompany  # with its database, too slow to load for `--help`

    ear = partial(wake, environment.genre_weights, environment.mood_weights)
    return accompany(ear, environment.home, environment.database_url)


def _report_failure(file: Path, error: SoriError, as_json: bool, words: Words, *, debug: bool) -> None:
    if as_json:
        print(error_to_json(error, words=words, file=str(file)), flush=True)
    else:
        _complain(error_to_text(error, name=str(file), words=words))
    if debug:
        traceback.print_exception(error, file=sys.stderr)


def _complain(text: str) -> None:
    print(clean(text), file=sys.stderr, flush=True)


def main(*, ear: Listener | None = None) -> int:
    return as_program(lambda: run(sys.argv[1:], variables=os.environ, ear=ear))


if __name__ == "__main__":
    sys.exit(main())
