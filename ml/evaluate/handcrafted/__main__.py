"""`python -m ml.evaluate.handcrafted`: compare our hand-crafted features with the published tables of GTZAN."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ml.evaluate.handcrafted import agreement, page
from ml.report.progress import show_progress
from ml.train.data.cache import Cache
from ml.train.data.labelled_features import CACHE_FOLDER


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluate.handcrafted",
        description="Compare hand-crafted features with the published tables of GTZAN, and write docs/features.md.",
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument("--cache", type=Path, default=CACHE_FOLDER, help="where features are kept")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    cache = Cache(options.cache)
    try:
        found = {
            name: agreement.compare(options.shared, name, cache, show_progress)
            for name in agreement.SECONDS_HEARD
        }
    except KeyboardInterrupt:
        print("\nStopped. Finished songs are kept; the same command continues from there.", file=sys.stderr)
        return 130
    page.PAGE.write_text(page.write(found), encoding="utf-8")
    show_progress(f"{page.PAGE.name} is written\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
