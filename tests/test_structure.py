"""Folders are small, few imports are inside functions, and the tests mirror the tree."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.sources import PACKAGES, ROOT, is_offline, python_files

MAX_MODULES_PER_FOLDER = 16
MAX_ENTRIES = {"ml": 12, "library": 8}
"""Modules and folders directly inside a package."""
MAX_IMPORTS_IN_FUNCTIONS = 9
"""Imports of our own modules inside functions of the product."""
MAX_IMPORTS_WITHOUT_REASON = 0
"""Those of them without a comment beside them."""
MIN_LINES_TESTED = 60
"""A longer module has tests in the folder of its name or its place."""
WITHOUT_TESTS = {
    "jobs/scan_runner.py",  # tests/test_disturbed_runs.py, through preprocess.py
    "ml/evaluate/baselines.py",  # beside the estimators that they are compared with, in tests/ml
    "ml/evaluate/handcrafted.py",
    "ml/evaluate/similarity/measure.py",
    "ml/features/onsets.py",  # tests/ml/models/test_tempo.py
    "ml/models/head.py",  # tests/ml/train/test_genre.py
    "ml/similarity/reference.py",  # tests/library/collection/test_reference.py
    "ml/train/linear.py",
    "ml/train/reference.py",  # tests/library/collection/test_reference.py
    "ml/train/trunk.py",  # tests/ml/models/test_trunk.py
    "web/api/queries.py",  # tests/web/api/test_track_views.py, over HTTP
}
"""Modules that are tested elsewhere. This list may only get shorter."""
OUR_MODULES = {*PACKAGES, *(path.stem for path in ROOT.glob("*.py"))}


@pytest.mark.parametrize("package", PACKAGES)
def test_folders_are_small(package: str) -> None:
    modules = Counter(path.parent for path in ROOT.glob(f"{package}/**/*.py"))
    too_many = {str(folder): count for folder, count in modules.items() if count > MAX_MODULES_PER_FOLDER}
    assert too_many == {}


@pytest.mark.parametrize("package", MAX_ENTRIES)
def test_a_package_has_few_entries(package: str) -> None:
    entries = [path.name for path in (ROOT / package).iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MAX_ENTRIES[package], sorted(entries)


def imports_in_functions(source: str) -> dict[int, str]:
    """Imports of our own modules inside functions, by line."""
    return {
        node.lineno: ast.unparse(node)
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and (getattr(node, "module", None) or node.names[0].name).split(".")[0] in OUR_MODULES
    }


def has_comment(lines: list[str], number: int) -> bool:
    """Whether there is a comment on the line with this number (from 1), the one before or the one after."""
    return any("#" in line for line in lines[max(0, number - 2) : number + 1])


def test_imports_in_functions_are_few_and_explained() -> None:
    found: dict[str, str] = {}
    unexplained: list[str] = []
    for path in python_files():
        if is_offline(path) or path.is_relative_to(ROOT / "benchmarks"):
            continue
        source = path.read_text(encoding="utf-8")
        for number, statement in imports_in_functions(source).items():
            place = f"{path.relative_to(ROOT)}:{number}"
            found[place] = statement
            if not has_comment(source.splitlines(), number):
                unexplained.append(place)
    assert len(found) <= MAX_IMPORTS_IN_FUNCTIONS, found
    assert len(unexplained) <= MAX_IMPORTS_WITHOUT_REASON, unexplained


def test_an_import_in_a_function_is_found() -> None:
    source = "import ml\n\ndef f():\n    # It is slow.\n    from ml.pipeline import load\n    import os\n"
    assert imports_in_functions(source) == {5: "from ml.pipeline import load"}
    assert has_comment(source.splitlines(), 5) and not has_comment(source.splitlines(), 1)


def is_tested(module: Path) -> bool:
    """Whether a test in the mirrored folder is named after the module or its folder, or uses the module by name."""
    place = ROOT / "tests" / module.relative_to(ROOT).parent
    dotted = ".".join(module.relative_to(ROOT).with_suffix("").parts)
    by_name = re.compile(
        rf"{re.escape(dotted)}\b|from {re.escape(dotted.rpartition('.')[0])} import .*\b{module.stem}\b"
    )
    files = [*place.glob("test_*.py"), place.parent / f"test_{place.name}.py"]
    return any(
        file.stem in (f"test_{module.stem}", f"test_{place.name}") or by_name.search(file.read_text(encoding="utf-8"))
        for file in files
        if file.is_file()
    )


def modules_without_tests() -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in python_files()
        if path.relative_to(ROOT).parts[0] != "benchmarks"
        and path.stem not in ("__init__", "__main__")
        and "migrations" not in path.parts
        and len(path.read_text(encoding="utf-8").splitlines()) > MIN_LINES_TESTED
        and not is_tested(path)
    }


def test_the_tests_mirror_the_tree() -> None:
    assert modules_without_tests() - WITHOUT_TESTS == set(), "these modules need tests of their name or place"
    assert WITHOUT_TESTS - modules_without_tests() == set(), "these have tests now: remove them from the list"
