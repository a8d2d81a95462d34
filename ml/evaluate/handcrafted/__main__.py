"""`python -m ml.evaluate.handcrafted`: compare our hand-crafted features with the published tables of GTZAN."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ml.evaluate import markdown
from ml.evaluate.handcrafted import agreement, page
from ml.paths import DOCS_FOLDER
from ml.train.data.cache import Cache
from ml.train.data.labelled_features import CACHE_FOLDER


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluate.handcrafted",
        description="Compare hand-crafted features with the published tables of GTZAN, and write docs/features.md.",
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument("--cache", type=Path, default=CACHE_FOLDER, help="folder of cached features")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(argv)
    cache = Cache(options.cache)
    try:
        compared = {table: agreement.compare(options.shared, table, cache) for table in agreement.SECONDS}
    except KeyboardInterrupt:
        print("\nStopped. The same command continues from here: finished songs are cached.", file=sys.stderr)
        return 130
    markdown.save(DOCS_FOLDER / "features.md", page.write(compared))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
