"""The code uses the words of the field: one concept has one name everywhere."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.sources import ROOT, python_files

INSTEAD_OF = {
    "asked": "requested, or what it holds",
    "bystander": "what it records",
    "company": "pipeline with neighbours",
    "crew": "process pool, workers",
    "cuts": "corrections",
    "describe": "extract",
    "digestion": "extraction",
    "ear": "pipeline",
    "evidence": "trunk output, embedding, features",
    "forget": "delete, close",
    "halves": "half clips, splits",
    "hear": "analyse, decode",
    "heard": "analysed, features",
    "hearing": "analysis",
    "hears": "analyses",
    "judge": "predict, classify, model",
    "judged": "predicted",
    "judgement": "prediction",
    "keeping": "scan",
    "ledger": "failure log",
    "lessons": "training pairs",
    "lifeline": "parent process",
    "listen": "analyse, decode",
    "listening": "analysis",
    "relatives": "neighbours, similar tracks",
    "remembered": "cached",
    "said": "sentence, text",
    "spoken": "translated, text",
    "taught": "trained, fitted",
    "tell": "on_progress, report, send",
    "things": "what they are",
    "told": "what it holds",
    "wake": "load, start",
    "who": "client, address",
}
"""Words that no identifier of ours contains, and what to write."""

ALLOWED = {
    "ml/audio/parts.py": {"tell"},  # a method of file objects
    "ml/audio/source.py": {"tell"},
    "web/server/supervisor.py": {"listen"},  # on a socket
    "web/pages/genre_texts.py": {"listen_for"},  # addressed to people
}
"""Names with the ordinary meaning of the word."""


def defined_names(tree: ast.AST) -> Iterator[str]:
    """Names that a module defines; what it calls may be another project's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname


def words_of(name: str) -> set[str]:
    """`NothingToHearError` and `nothing_to_hear` -> nothing, to, hear."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def occurrences() -> dict[str, set[str]]:
    """Each word of `INSTEAD_OF` that occurs, with the places."""
    found = defaultdict(set)
    for path in python_files():
        module = path.relative_to(ROOT).as_posix()
        for name in {path.stem, *defined_names(ast.parse(path.read_text(encoding="utf-8")))}:
            if name not in ALLOWED.get(module, set()):
                for word in words_of(name) & INSTEAD_OF.keys():
                    found[word].add(f"{module}: {name}")
    return found


def test_private_words_are_not_used() -> None:
    used = {word: (INSTEAD_OF[word], sorted(places)) for word, places in occurrences().items()}
    assert used == {}, "write the word of the field instead"


def test_a_private_word_is_found() -> None:
    source = "class SongLedger:\n    def f(self, heard_with):\n        self.ear = tell = other.crew()\n"
    names = set(defined_names(ast.parse(source)))
    assert names == {"SongLedger", "f", "self", "heard_with", "ear", "tell"}
    assert set().union(*map(words_of, names)) & INSTEAD_OF.keys() == {"ledger", "heard", "ear", "tell"}
