"""Writing result files. A file appears under its own name only when it is complete."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from ml.models.card import Card, card_path, load_card

Write = Callable[[Path], object]


def write_file(path: Path, write: Write) -> None:
    """Write beside `path` and rename, so that an interrupted run leaves no half-written file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{path.name}")
    write(partial)
    partial.replace(path)


def save_with_card(card: Card, output: Path, write: Write, companions: Mapping[str, Write] | None = None) -> Card:
    """Write a weight file, its companion files (by name) and its card together; return the checked card."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        weights = Path(folder) / output.name
        others = {Path(folder) / name: write_other for name, write_other in (companions or {}).items()}
        for path, write_one in {**others, weights: write}.items():
            write_one(path)
        card.save(weights, *others)
        for path in (*others, weights, card_path(weights)):
            path.replace(output.parent / path.name)
    return load_card(output)
