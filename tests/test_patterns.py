"""No pattern of the product takes more than linear time, whatever text a stranger sends.

`re` reports no steps, so the processor time of one text is compared with that of a text four times as long.
"""

from __future__ import annotations

import ast
import importlib
import re
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.sources import ROOT, is_offline, python_files

Pattern = re.Pattern[Any]
LENGTH = 4_000
"""A quadratic pattern takes some 10 ms for a text of this length, a linear one some 10 µs."""
MOST_TIMES_AS_LONG = 9.0
"""Four times the text takes a linear pattern four times as long, a quadratic one sixteen times."""
NOTICEABLE_SECONDS = 0.004
ATTEMPTS = 3
CHARACTERS = " \n\t0a.,:=-+(/$#\0|x한"
"""One or more of each class that patterns name."""
BUILT = {"ml/report/translation.py"}
"""Modules that build patterns from our own templates of sentences, with one group each."""
CALLS = {"compile", "search", "match", "fullmatch", "sub", "split", "findall", "finditer", "subn"}


def patterns_in(path: Path) -> Iterator[tuple[str | bytes, int, bool]]:
    """The patterns of a module with their flags, and whether each is only tried at the start of a text."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and (node.func.value.id, node.func.attr in CALLS) == ("re", True)
        ):
            flags = re.MULTILINE if "MULTILINE" in ast.unparse(node) else 0
            uses = {node.func.attr}
            if uses == {"compile"}:
                call = re.escape(ast.get_source_segment(source, node) or "")
                name = re.search(rf"^(\w+) = {call}", source, re.MULTILINE)
                uses = set(re.findall(rf"\b{name[1]}\.(\w+)", source)) if name else set()
            yield _value_of(node.args[0], path), flags, bool(uses) and uses <= {"match", "fullmatch"}


def _value_of(node: ast.expr, path: Path) -> str | bytes:
    """A literal, or a text with constants of the module."""
    if isinstance(node, ast.Constant):
        return node.value  # type: ignore[return-value]
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    value: str | bytes = eval(compile(ast.Expression(node), str(path), "eval"), vars(module))  # noqa: S307 - our source
    return value


def texts(pattern: Pattern, length: int) -> Iterator[tuple[str, str | bytes]]:
    """Long runs of one or two characters after the pattern's own literal parts, and before an end that fits nothing."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    starts = {"", *re.findall(r"[A-Za-z#:/. ]{2,}", source)}
    runs = {first + second for first, second in product(CHARACTERS, repeat=2)} | {f"{start} " for start in starts}
    for start, run in product(sorted(starts), sorted(runs)):
        text = start + run * (length // len(run)) + "\x01"
        yield f"{start!r} {run!r}", text if isinstance(pattern.pattern, str) else text.encode("utf-8")


def seconds(pattern: Pattern, text: Any, *, at_start: bool) -> float:
    started = time.process_time()
    pattern.fullmatch(text) if at_start else pattern.search(text)
    return time.process_time() - started


def is_superlinear(pattern: Pattern, *, at_start: bool = False) -> str:
    """The text for which the pattern takes too long; empty if there is none."""
    for (name, short), (_, long) in zip(texts(pattern, LENGTH), texts(pattern, 4 * LENGTH), strict=True):
        for _ in range(ATTEMPTS):
            if (once := seconds(pattern, long, at_start=at_start)) < NOTICEABLE_SECONDS:
                break
            if once < MOST_TIMES_AS_LONG * max(seconds(pattern, short, at_start=at_start), 1e-6):
                break
        else:
            return name
    return ""


PRODUCT = [path for path in python_files() if not is_offline(path) and "benchmarks" not in path.parts]
PATTERNS = {
    (str(path.relative_to(ROOT)), *found)
    for path in PRODUCT
    if str(path.relative_to(ROOT)) not in BUILT
    for found in patterns_in(path)
}


@pytest.mark.parametrize(("module", "pattern", "flags", "at_start"), sorted(PATTERNS, key=str))
def test_patterns_are_linear(module: str, pattern: str, flags: int, at_start: bool) -> None:
    assert is_superlinear(re.compile(pattern, flags), at_start=at_start) == ""


def test_patterns_are_found() -> None:
    modules = {module for module, *_ in PATTERNS}
    assert len(PATTERNS) > 25
    assert {"ml/audio/tags.py", "ml/audio/text_files.py", "ml/report/cells.py", "web/server/logs.py"} <= modules


@pytest.mark.parametrize("pattern", [r"(?m)^\s*track \d+ audio", r"\s+$", r".*: .*: x", rb"\d+:"])
def test_a_slow_pattern_is_found(pattern: str | bytes) -> None:
    assert is_superlinear(re.compile(pattern))  # type: ignore[arg-type]
