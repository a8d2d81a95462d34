"""Numbers and tables as the accuracy page writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ml.evaluate.figures import Figures

NOTHING = "–"


def decimal(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def percent(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{100 * value:.{digits}f} %"


def between(part: Figures, write: Callable[[float | None], str] = decimal) -> str:
    """The interval of a share: [0.812, 0.901]."""
    if part["low"] is None:
        return ""
    low, high = write(part["low"]), write(part["high"])
    return f"[{low.removesuffix(' %')}, {high}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """First column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
