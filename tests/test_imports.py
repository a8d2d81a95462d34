"""The house stands on its import direction: whoever talks may know whoever runs, never the other way round.

    main -> web -> jobs -> library -> ml        preprocess -> jobs

The rules are read from the source, imports inside functions included: a lazy import is no way around them.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sources import PACKAGES, ROOT, python_files

BELOW = {
    "main": {"web", "jobs", "library", "ml", "environment", "terminal"},
    "preprocess": {"jobs", "library", "ml", "environment", "terminal"},
    "web": {
        "jobs",
        "library",
        "ml.report",
        "ml.errors",
        "ml.paths",
        "ml.settings",
        "ml.sniff",
        "ml.words",
        "ml.writers",
        "environment",
    },
    "jobs": {"library", "ml", "environment"},
    "library": {"ml"},
    "terminal": {"ml.cells", "ml.writers"},
    "environment": {"ml.errors", "ml.paths", "ml.settings"},
    "benchmarks": {"jobs", "library", "ml", "environment"},
    "ml": set(),
}

# Each module of ml by its floor; it may import from lower floors and from its own package. A new module needs
# a place here: that is the moment to think about it.
FLOORS = (
    {"errors", "paths", "settings", "report", "folders", "cells", "progress", "frames"},
    {"words", "fitted", "card", "metrics", "sniff", "keeping"},
    {"writers", "audio"},
    {"features", "chroma", "pulse", "trunk"},
    {"bands", "handcrafted", "motion", "musical", "pictures"},
    {"track", "scoring"},
    {"dynamics"},
    {"analysers"},
    {"genre", "tempo", "key", "mood", "baselines"},
    {"head"},
    {"lab"},
    {"pipeline"},
    {"convert"},
    {"train", "predict", "tuning"},
    {"evaluate"},
)
STANDARD_LIBRARY_ONLY = {
    "ml.report",
    "ml.card",
    "ml.errors",
    "ml.frames",
    "ml.paths",
    "ml.settings",
    "ml.sniff",
    "ml.folders",
    "ml.cells",
    "ml.progress",
    "ml.words",
    "ml.writers",
}
HEAVY = {"numpy", "scipy", "sklearn", "librosa", "keras", "tensorflow", "soundfile", "matplotlib"}


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


def ours(name: str) -> bool:
    return name.split(".")[0] in BELOW


def starts_with(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def floor_of(name: str) -> int:
    """The floor of a module of ml; the package itself imports nothing and may be imported by all."""
    part = name.split(".")[1] if "." in name else None
    floors = [floor for floor, modules in enumerate(FLOORS) if part in modules]
    return floors[0] if floors else -1


def violations(module: str, names: set[str]) -> list[str]:
    """What is wrong with these imports in that module, as sentences."""
    top = module.split(".")[0]
    wrong: list[str] = []
    for name in sorted(names):
        if ours(name) and name.split(".")[0] != top and not any(starts_with(name, low) for low in BELOW[top]):
            wrong.append(f"{module} imports {name}: upwards, or past its neighbour")
        if top == "ml" and starts_with(name, "ml") and not _downstairs(module, name):
            wrong.append(f"{module} imports {name}: not on a lower floor")
        if module in STANDARD_LIBRARY_ONLY and not ours(name) and name.split(".")[0] not in STANDARD:
            wrong.append(f"{module} imports {name}: standard library only")
        if top == "web" and name.split(".")[0] in HEAVY:
            wrong.append(f"{module} imports {name}: too heavy for a web process")
    return wrong


STANDARD = sys.stdlib_module_names | {"__future__"}


def _downstairs(module: str, name: str) -> bool:
    same_part = module.split(".")[:2] == name.split(".")[:2]
    return same_part or floor_of(name) < floor_of(module)


@pytest.mark.parametrize("path", python_files(), ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    module, tree = name_of(path), ast.parse(path.read_text(encoding="utf-8"))
    assert violations(module, imported(tree, module, is_package=path.name == "__init__.py")) == []


def test_every_module_has_a_place() -> None:
    modules = {name_of(path) for path in python_files()}
    assert {name.split(".")[0] for name in modules} <= set(BELOW), "a new package needs a line in BELOW"
    homeless = {name for name in modules if starts_with(name, "ml") and name != "ml" and floor_of(name) < 0}
    assert not homeless, "a new module of ml needs a floor in FLOORS"


def test_the_packages_are_there() -> None:
    assert {name_of(path) for path in python_files()} >= {*PACKAGES, "main", "preprocess"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ml.audio.load", "import library"),
        ("ml.audio.load", "from ml.features import mel"),
        ("ml.errors", "from ml import pipeline"),
        ("ml.genre", "from ml.tempo import beats"),
        ("ml.pipeline", "import ml.train"),
        ("ml.report", "import numpy as np"),
        ("ml.settings", "def late():\n    from jobs.attempt import attempt"),
        ("library.tracks", "from jobs import attempt"),
        ("jobs.attempt", "import web.pages"),
        ("web.pages", "import librosa.feature"),
        ("web.pages", "from ml.pipeline import load"),
        ("web.pages", "import main"),
        ("preprocess", "import web"),
        ("ml.audio.load", "from ..pipeline import load"),
        ("environment", "import main"),
    ],
)
def test_a_violation_is_caught(module: str, source: str) -> None:
    assert len(violations(module, imported(ast.parse(source), module))) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ml.audio.load", "from .sniff import Kind\nfrom ml.errors import AudioError\nimport numpy"),
        ("ml.pipeline", "from ml import genre, tempo\nfrom ml.report import Report"),
        ("main", "import web\nfrom jobs.attempt import attempt\nfrom ml.writers import to_text"),
        ("library.tracks", "import numpy\nfrom ml.report import Report"),
    ],
)
def test_the_right_direction_is_let_through(module: str, source: str) -> None:
    assert violations(module, imported(ast.parse(source), module)) == []


@pytest.mark.parametrize("module", ["ml", "ml.report", "ml.writers", "jobs", "library", "web", "main"])
def test_an_import_is_light(module: str) -> None:
    """In a process of its own, as this one has loaded who knows what."""
    probe = f"import sys, {module}; print(*sorted({HEAVY} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []


def test_the_probe_for_heavy_packages_sees_them() -> None:
    probe = f"import sys, numpy; print(*sorted({HEAVY} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["numpy"]
