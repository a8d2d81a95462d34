"""`python -m ml.evaluate.handcrafted`: compare our hand-crafted features with the published tables of GTZAN."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.evaluate import markdown
from ml.evaluate.handcrafted import agreement, page
from ml.paths import DOCS_FOLDER
from ml.train.command import command
from ml.train.data.labelled_features import CACHE_FOLDER
from ml.train.files import Cache


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluate.handcrafted",
        description="Compare hand-crafted features with the published tables of GTZAN, and write docs/features.md.",
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the research collections")
    parser.add_argument("--cache", type=Path, default=CACHE_FOLDER, help="folder of cached features")
    return parser


@command(build_parser)
def main(options: argparse.Namespace) -> None:
    cache = Cache(options.cache)
    compared = {table: agreement.compare(options.shared, table, cache) for table in agreement.SECONDS}
    markdown.save(DOCS_FOLDER / "features.md", page.write(compared))


if __name__ == "__main__":
    raise SystemExit(main())
