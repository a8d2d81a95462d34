"""Every option, setting and make target is documented."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import environment
from tests.sources import ROOT, python_files, tracked_texts

COMMANDS = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
READMES = [ROOT / "README.md", ROOT / "README.ko.md"]


HELPER = ROOT / "ml/train/command.py"
"""It makes parsers for commands, and is none."""


def has_parser(path: Path) -> bool:
    return re.search(r"(ArgumentParser|offline_parser)\(", path.read_text(encoding="utf-8")) is not None


PARSERS = [path for path in python_files() if has_parser(path) and path != HELPER]


def options(source: str) -> set[str]:
    """The literal option names in the `add_argument` calls of a module, and those that `offline_parser` adds."""
    tree = ast.parse(source)
    short_names = {
        node.targets[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "add_argument"
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    added = [
        call
        for call in calls
        if (isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument")
        or (isinstance(call.func, ast.Name) and call.func.id in short_names)
    ]
    names = {arg.value for call in added for arg in call.args if isinstance(arg, ast.Constant)}
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "offline_parser":
            given = {keyword.arg for keyword in call.keywords}
            names |= {"--cache"} & {f"--{name}" for name in given} | ({"--shared"} if "shared" not in given else set())
    return {name for name in names if isinstance(name, str) and name.startswith("--")}


def command_of(path: Path) -> str:
    """The module as it is called: `main.py`, or `ml.train` after `python -m`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return path.name if len(parts) == 1 else ".".join(part for part in parts if part != "__main__")


def section(text: str, command: str) -> str:
    """The part of the page whose heading names the command."""
    parts = [part for part in re.split(r"^## ", text, flags=re.MULTILINE) if command in part.split("\n")[0]]
    return "\n".join(parts)


def test_the_search_finds_options() -> None:
    assert options("p.add_argument('--json', '-j')\np.add_argument('path')\nq('--no')") == {"--json"}
    assert options("add = p.add_argument\nadd('--all')") == {"--all"}
    assert options("offline_parser('m', 'd', cache=C)") == options(HELPER.read_text(encoding="utf-8"))
    assert options("offline_parser('m', 'd', shared=False)") == set()
    assert ROOT / "main.py" in PARSERS


@pytest.mark.parametrize("path", PARSERS, ids=command_of)
def test_every_option_is_documented(path: Path) -> None:
    text = section(COMMANDS, command_of(path))
    assert text, f"docs/commands.md has no section with {command_of(path)} in its heading"
    named = set(re.findall(r"`(--[a-z-]+)[ `=]", text))
    assert options(path.read_text(encoding="utf-8")) - named == set()


@pytest.mark.parametrize("path", PARSERS, ids=command_of)
def test_every_command_has_build_parser(path: Path) -> None:
    assert "def build_parser() -> argparse.ArgumentParser:" in path.read_text(encoding="utf-8")


def settings_in(texts: dict[str, str]) -> set[str]:
    product = [text for name, text in texts.items() if not name.startswith(("tests/", "docs/", "translations/"))]
    return {name for text in product for name in re.findall(r"\bSORI_[A-Z_]+\b", text)}


def test_every_setting_is_documented() -> None:
    code = {name: text for name, text in tracked_texts().items() if not name.endswith(".md")}
    names = settings_in(code)
    assert "SORI_HOME" in names
    assert names - set(re.findall(r"`(SORI_[A-Z_]+)`", SETTINGS)) == set()


def test_every_documented_setting_exists() -> None:
    conftest = (ROOT / "tests/conftest.py").read_text(encoding="utf-8")
    read = {setting.variable for setting in environment.SETTINGS.values()} | settings_in({"": conftest})
    assert set(re.findall(r"`(SORI_[A-Z_]+)`", SETTINGS)) - read == set()


def test_every_make_target_is_documented() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets >= {"setup", "run", "test", "lint", "bench", "help"}
    assert {name for name in targets if f"`make {name}`" not in COMMANDS} == set()


def headings(path: Path) -> list[str]:
    """The levels of a page's headings, without code blocks, where `#` begins a comment."""
    prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^(#+) ", prose, re.MULTILINE)


def test_both_readmes_have_the_same_shape() -> None:
    assert headings(READMES[0]) == headings(READMES[1]) != []


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_a_readme_starts_with_a_picture_and_two_commands(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    first_block = re.search(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert first_block
    assert [line.split(" #")[0].strip() for line in first_block[1].splitlines()] == ["make setup", "make run"]
    assert 0 < text.find("docs/images/") < first_block.start()


def commands_in(path: Path) -> list[str]:
    """The commands of the code blocks without their comments, which are in the page's language."""
    blocks = re.findall(r"^```(?:sh)\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line.split(" #")[0].rstrip() for block in blocks for line in block.splitlines()]


def test_both_readmes_show_the_same_commands() -> None:
    assert commands_in(READMES[0]) == commands_in(READMES[1])


def test_every_test_that_docs_name_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/security.md").read_text(encoding="utf-8")))
    existing = {
        name
        for path, text in tracked_texts().items()
        if path.startswith("tests/")
        for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    }
    assert len(named) > 15 and named - existing == set()
