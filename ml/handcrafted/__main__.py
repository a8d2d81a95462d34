"""`python -m ml.handcrafted FOLDER -o features.npz`: labelled songs to features that plain scikit-learn loads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ml.handcrafted import agreement, agreement_page, gathering
from ml.handcrafted.tables import Table
from ml.keeping import Cache
from ml.report.errors import SoriError
from ml.report.progress import tell


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml.handcrafted", description="Describe labelled songs by hand-crafted features."
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", help="a folder with one sub-folder of songs per genre"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("features.npz"), help="the feature file")
    parser.add_argument("--windows", action="store_true", help="a row for every three seconds, not per song")
    parser.add_argument(
        "--check",
        type=Path,
        metavar="SHARED",
        help="compare with GTZAN's published tables and write the page",
    )
    parser.add_argument("--cache", type=Path, default=gathering.CACHE_FOLDER, help="where features are kept")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = build_parser()
    options = parser.parse_args(argv)
    if not options.folder and not options.check:
        parser.error("name a folder of songs, or --check SHARED")
    try:
        cache = Cache(options.cache)
        if options.check:
            _check(options.check, cache)
        if options.folder:
            found = gathering.gather(gathering.labelled(options.folder), cache, tell, windows=options.windows)
            found.save(options.output)
            tell(f"{options.output}: {_told(found)}\n")
    except SoriError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. What was heard is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    return 0


def _check(shared: Path, cache: Cache) -> None:
    found = {name: agreement.compare(shared, name, cache, tell) for name in agreement.SECONDS_HEARD}
    agreement_page.PAGE.write_text(agreement_page.write(found), encoding="utf-8")
    tell(f"{agreement_page.PAGE.name} is written\n")


def _told(table: Table) -> str:
    rows, columns = table.features.shape
    return f"{rows} rows, {columns} features, {len(set(table.songs.tolist()))} songs"


if __name__ == "__main__":
    raise SystemExit(main())
