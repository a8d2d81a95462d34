"""Imports point one way:

    main -> web -> jobs -> library -> ml        preprocess -> jobs

and inside a package there is no import cycle between its folders and modules. The imports are read from the source,
including those inside functions.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.sources import PACKAGES, ROOT, python_files

MAY_IMPORT = {
    "main": {"web", "jobs", "library", "ml", "environment", "terminal"},
    "preprocess": {"jobs", "library", "ml", "environment", "terminal"},
    # A child process calls `ml.audio.sniff.sniff`, never the web process itself.
    "web": {"jobs", "library", "ml.report", "ml.audio.settings", "ml.audio.sniff.Kind", "ml.audio.sniff_server"}
    | {"ml.paths", "environment"},
    "jobs": {"library", "ml", "environment"},
    "library": {"ml"},
    "terminal": {"ml.report"},
    "environment": {"ml.report.errors", "ml.paths", "ml.audio.settings", "ml.lyrics.settings", "setting_kinds"},
    "setting_kinds": {"ml.report.errors", "ml.audio.settings"},
    "benchmarks": {"jobs", "library", "ml", "environment"},
    "ml": set[str](),
}
STANDARD_LIBRARY_ONLY = {
    *("ml.audio.folders", "ml.audio.frames", "ml.audio.settings", "ml.audio.sniff", "ml.audio.sniff_server"),
    *("ml.audio.text_files", "ml.lyrics.errors", "ml.lyrics.settings", "ml.paths"),
}
"""Modules that pages need, so that a page loads nothing heavy; all of `ml.report` counts too."""
LIGHT_THIRD_PARTIES = {"ml.report.cells": {"wcwidth"}}
"""Exceptions to the rule above."""
HEAVY = {"numpy", "scipy", "sklearn", "librosa", "keras", "tensorflow", "soundfile", "matplotlib"}
STANDARD = sys.stdlib_module_names | {"__future__"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, module: str, *, is_package: bool = False) -> set[str]:
    """Full names of what a module imports; `from ml import report` counts as `ml.report`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = module.split(".")[: None if is_package and node.level == 1 else -node.level]
            base = ".".join([*(home if node.level else []), *([node.module] if node.module else [])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


@cache
def graph() -> dict[str, set[str]]:
    """Each of our modules with what it imports."""
    return {
        name_of(path): imported(
            ast.parse(path.read_text(encoding="utf-8")), name_of(path), is_package=path.name == "__init__.py"
        )
        for path in python_files()
    }


def starts_with(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def violations(module: str, names: set[str]) -> list[str]:
    """The rules that these imports of a module break, as sentences."""
    top = module.split(".")[0]
    broken: list[str] = []
    light = module in STANDARD_LIBRARY_ONLY or starts_with(module, "ml.report")
    for name in sorted(names):
        first = name.split(".")[0]
        ours = first in MAY_IMPORT
        if ours and first != top and not any(starts_with(name, low) for low in MAY_IMPORT[top]):
            broken.append(f"{module} imports {name}: not a lower layer")
        if light and not ours and first not in STANDARD | LIGHT_THIRD_PARTIES.get(module, set()):
            broken.append(f"{module} imports {name}: standard library only")
        if top == "web" and first in HEAVY:
            broken.append(f"{module} imports {name}: too heavy for a web process")
    return broken


def siblings(package: str, modules: dict[str, set[str]]) -> dict[str, set[str]]:
    """Which direct children of a package, folders or modules, import which others."""
    depth = package.count(".") + 2
    known = {".".join(name.split(".")[:depth]) for name in modules if starts_with(name, package) and name != package}
    edges: dict[str, set[str]] = {child: set() for child in known}
    for name, names in modules.items():
        child = ".".join(name.split(".")[:depth])
        if child in known:
            used = {".".join(target.split(".")[:depth]) for target in names}
            edges[child] |= (used & known) - {child}
    return edges


def cycle_in(edges: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def packages() -> Iterable[str]:
    return [name_of(path) for path in python_files() if path.name == "__init__.py" and path.parts[-2] != "versions"]


@pytest.mark.parametrize("module", graph())
def test_imports_point_downwards(module: str) -> None:
    assert violations(module, graph()[module]) == []


@pytest.mark.parametrize("package", packages())
def test_folders_are_layers(package: str) -> None:
    """No cycle between the children of a package, so they have an order from the lowest to the highest."""
    assert cycle_in(siblings(package, graph())) == []


OFFLINE = ("ml.train", "ml.evaluate")


def offline_imports(modules: dict[str, set[str]]) -> list[str]:
    """Imports of training or evaluation from what runs in the product."""
    return [
        f"{module} imports {name}"
        for module, names in modules.items()
        for name in names
        if any(starts_with(name, part) for part in OFFLINE)
        and not any(starts_with(module, part) for part in (*OFFLINE, "benchmarks"))
    ]


def test_the_product_does_not_import_offline_work() -> None:
    assert offline_imports(graph()) == []
    assert offline_imports({"web.app": {"ml.train.metrics"}, "ml.evaluate.page": {"ml.train.metrics"}}) == [
        "web.app imports ml.train.metrics"
    ]


def test_the_layers_are_those_of_the_architecture_page() -> None:
    """docs/architecture.md names the folders of `ml` from the lowest to the highest."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.strip().startswith("report -> "))
    order = [f"ml.{name.strip()}" for name in line.split("->")]
    edges = siblings("ml", graph())
    assert set(order) <= set(edges)
    upward = [
        f"{child} imports {used}"
        for child in order
        for used in edges[child]
        if used in order and order.index(used) >= order.index(child)
    ]
    assert upward == []


def test_every_package_has_a_rule() -> None:
    assert {name.split(".")[0] for name in graph()} <= set(MAY_IMPORT), "a new package needs a line in MAY_IMPORT"
    assert set(graph()) >= {*PACKAGES, "main", "preprocess"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ml.audio.load", "import library"),
        ("ml.report.schema", "import numpy as np"),
        ("ml.audio.settings", "def late():\n    from jobs.attempt import attempt"),
        ("library.tracks", "from jobs import attempt"),
        ("jobs.attempt", "import web.pages.song_pages"),
        ("web.pages.song_pages", "import librosa.feature"),
        ("web.pages.song_pages", "from ml.pipeline import load"),
        ("web.pages.song_pages", "from ml.audio.sniff import sniff"),
        ("web.pages.song_pages", "import main"),
        ("preprocess", "import web"),
        ("environment", "import main"),
    ],
)
def test_a_violation_is_found(module: str, source: str) -> None:
    assert len(violations(module, imported(ast.parse(source), module))) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ml.audio.load", "from .sniff import Kind\nfrom ml.report.errors import AudioError\nimport numpy"),
        ("main", "import web\nfrom jobs.attempt import attempt\nfrom ml.report.text import to_text"),
        ("library.tracks", "import numpy\nfrom ml.report.schema import Report"),
    ],
)
def test_the_right_direction_is_allowed(module: str, source: str) -> None:
    assert violations(module, imported(ast.parse(source), module)) == []


def test_a_cycle_is_found() -> None:
    modules = {"p": set[str](), "p.a.x": {"p.b.y.f"}, "p.b.y": {"p.c"}, "p.c": {"p.a.z"}, "p.a.z": set[str]()}
    assert set(cycle_in(siblings("p", modules))) == {"p.a", "p.b", "p.c"}


@pytest.mark.parametrize("module", ["ml", "ml.report.schema", "ml.report.text", "jobs", "library", "web", "main"])
def test_an_import_is_light(module: str) -> None:
    """In a process of its own, because this one may have loaded anything."""
    probe = f"import sys, {module}; print(*sorted({HEAVY} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.split() == []


def test_the_probe_finds_heavy_packages() -> None:
    probe = f"import sys, numpy; print(*sorted({HEAVY} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["numpy"]
