"""`python -m ml.lyrics transcribe FILE` prints the words of a song; `python -m ml.lyrics fetch` downloads models."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from ml.audio.loading import load
from ml.lyrics import download
from ml.lyrics.errors import LyricsError
from ml.lyrics.hub import COMPLETE, download_folder
from ml.lyrics.packages import require_packages
from ml.lyrics.settings import ASR_MODEL, MODELS_FOLDER_NAME, TEXT_MODEL
from ml.lyrics.transcription import Transcriber
from ml.paths import DEFAULT_HOME
from ml.report.cells import clean
from ml.report.errors import SoriError
from ml.report.progress import show_progress
from ml.report.sentences import clock, percent

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml.lyrics", description="The words of a song.")
    commands = parser.add_subparsers(dest="command", required=True)
    transcribe = commands.add_parser("transcribe", help="print what is sung, with times")
    transcribe.add_argument("file", type=Path, metavar="FILE", help="the song")
    transcribe.add_argument("--model", default=ASR_MODEL, metavar="NAME", help=f"a name or a folder ({ASR_MODEL})")
    transcribe.add_argument("--json", action="store_true", help="one JSON object, with a time for each word")
    fetch = commands.add_parser("fetch", help="download models, once")
    fetch.add_argument(
        "--model", nargs="+", default=[ASR_MODEL, TEXT_MODEL], metavar="NAME", help="names as the hub has them"
    )
    fetch.add_argument("--yes", action="store_true", help="do not ask before a download")
    for command in (transcribe, fetch):
        command.add_argument(
            "--models", type=Path, default=DEFAULT_HOME / MODELS_FOLDER_NAME, metavar="FOLDER", help="downloaded models"
        )
    return parser


def main(argv: Sequence[str] | None = None, *, endpoint: str | None = None) -> int:
    """`endpoint` is the address of another hub."""
    options = build_parser().parse_args(argv)
    try:
        return _transcribe(options) if options.command == "transcribe" else _fetch(options, endpoint)
    except LyricsError as error:
        return _failed(error, USAGE if options.command == "transcribe" else FAILED)
    except SoriError as error:
        return _failed(error, FAILED)
    except KeyboardInterrupt:
        show_progress("")
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED


def _failed(error: SoriError, code: int) -> int:
    show_progress("")
    print(clean(str(error)), file=sys.stderr)
    return code


def _transcribe(options: argparse.Namespace) -> int:
    transcriber = Transcriber.load(options.model, options.models)
    audio = load(options.file)
    transcript = transcriber.transcribe(audio.samples, lambda share: show_progress(f"Transcribing: {percent(share)}"))
    show_progress("")
    if options.json:
        print(json.dumps({"file": str(options.file), **asdict(transcript)}, ensure_ascii=False))
        return 0
    for line in transcript.lines:
        print(f"{clock(line.start or 0.0):>7}  {clean(line.text)}")
    if not transcript.lines:
        print("No words found.")
    if transcript.dropped_words:
        print(f"{transcript.dropped_words} unsure words were left out.", file=sys.stderr)
    return 0


def _fetch(options: argparse.Namespace, endpoint: str | None) -> int:
    require_packages()
    wanted = [name for name in dict.fromkeys(options.model) if not _is_there(name, options.models)]
    listings = [download.look_up(name, endpoint) for name in wanted]
    for listing in listings:
        print(f"{clean(listing.model)}: {megabytes(listing.size)} MB, licence: {clean(listing.licence)}")
    if listings and not options.yes and not _confirmed(options.models):
        print("Nothing was downloaded.")
        return FAILED
    for listing in listings:
        download.download(listing, options.models, progress_of(listing), endpoint)
        show_progress("")
        print(f"{clean(listing.model)} is ready.")
    return 0


def _is_there(name: str, models: Path) -> bool:
    there = (download_folder(name, models) / COMPLETE).is_file()
    if there:
        print(f"{clean(name)} is on this machine already.")
    return there


def _confirmed(folder: Path) -> bool:
    """Without a terminal nobody can answer, and that is a no."""
    print(f"Download to {clean(str(folder))}? [y/N] ", end="", flush=True)
    answer = sys.stdin.readline().strip().lower()
    return answer in ("y", "yes", "예", "네")


def progress_of(listing: download.Listing, clock_now: Callable[[], float] = time.monotonic) -> Callable[[int], None]:
    """Shows how much of a model is there, how much is left, and how long that takes at the present rate."""
    started, first, shown = clock_now(), None, -1.0

    def show(done: int) -> None:
        nonlocal first, shown
        now = clock_now()
        first = done if first is None else first
        if now - shown < 0.2 and done < listing.size:
            return
        shown = now
        rate = (done - first) / max(now - started, 1e-6)
        left = listing.size - done
        time_left = f", {clock(left / rate)} left" if rate > 0 else ""
        show_progress(f"{listing.model}: {megabytes(done)} of {megabytes(listing.size)} MB{time_left}")

    return show


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}" if size < 1e7 else f"{size / 1e6:.0f}"


if __name__ == "__main__":
    raise SystemExit(main())
