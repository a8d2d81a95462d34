"""Rules for all files of the repository: no audio, no path of a developer's machine, no dangerous calls."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ml.audio.folders import looks_like_audio
from tests.sources import ROOT, python_files, tracked_files, tracked_texts

AUDIO_STARTS = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM", b".snd", b"\xff\xfb", b"\xff\xf1")
# A folder of a developer's machine. The pattern does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w./~:-])/(?:work|opt|root|home|Users)/[\w.]")
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}


def dangers(tree: ast.AST) -> list[str]:
    """Dangerous statements, each with its line."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            if {name.split(".")[0] for name in names} & PICKLES:
                found.append(f"line {node.lineno}: unpickling runs code from a file")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called in ("eval", "exec", "os.system", "joblib.load"):
                found.append(f"line {node.lineno}: {called} runs any code it is given")
            if keywords.get("allow_pickle") == "True" or keywords.get("safe_mode") == "False":
                found.append(f"line {node.lineno}: {called} would run code from a file")
            if keywords.get("shell") == "True":
                found.append(f"line {node.lineno}: {called} goes through a shell")
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(f"line {node.lineno}: a bare except swallows even Ctrl-C")
    return found


@pytest.mark.parametrize("path", python_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_dangerous_statements(path: Path) -> None:
    assert dangers(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import load",
        "eval('1')",
        "import joblib\njoblib.load('x')",
        "np.load('x', allow_pickle=True)",
        "keras.saving.load_model('x', safe_mode=False)",
        "subprocess.run('ls', shell=True)",
        "try:\n    pass\nexcept:\n    pass",
    ],
)
def test_a_dangerous_statement_is_found(source: str) -> None:
    assert len(dangers(ast.parse(source))) == 1


def test_no_audio_is_tracked() -> None:
    assert [path for path in tracked_files() if looks_like_audio(path)] == []
    assert [path for path in tracked_files() if _first_bytes(path).startswith(AUDIO_STARTS)] == []


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def test_no_machine_path_is_tracked() -> None:
    found = {name: match[0] for name, text in tracked_texts().items() if (match := MACHINE_PATH.search(text))}
    assert found == {}


def test_a_machine_path_is_recognised() -> None:
    for text in ("open('{}work/main/x')", "see {}root/.cache", '"{}home/min/music"'):
        assert MACHINE_PATH.search(text.format("/"))
    for text in ("https://example.org/home/x", "../work/x", "docs/home/index"):
        assert not MACHINE_PATH.search(text)


def test_only_one_module_uses_its_own_path() -> None:
    """A module that derives folders from `__file__` breaks when it moves. Migrations are beside their runner."""
    users = {path.name for path in python_files() if "__file__" in path.read_text(encoding="utf-8")}
    assert users == {"paths.py", "migration.py"}


def test_every_package_is_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
        assert [line for line in lines if not re.match(r"[a-z0-9-]+==[\w.]+( ;|$)", line)] == []


def test_a_module_stays_readable() -> None:
    """About 200 lines are the goal; this is the hard limit."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert {path.name: length for path, length in lengths.items() if length > 300} == {}
