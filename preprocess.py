"""Folders of music to a library. The library is not built yet: this command says so and changes nothing."""

from __future__ import annotations

import sys


def main() -> int:
    print(
        "The library is not built yet, so there is nothing to fill; this works: python main.py analyse FOLDER"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
