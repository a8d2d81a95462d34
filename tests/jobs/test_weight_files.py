"""Weight files are verified by their hash, and a process hashes each of them once."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from environment import Environment
from jobs.attempt import load_pipeline
from jobs.folder_scan import ScanOptions, versions
from jobs.upload_results import model_of
from library.catalogue.database import open_catalogue
from library.collection.mood_update import update_moods
from ml.audio.settings import DEFAULT_LIMITS
from ml.models import card
from ml.models.card import GENRE_WEIGHTS, MOOD_WEIGHTS


def test_each_weight_file_is_hashed_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through everything that an engine, a scan and a worker do at their start, here in one process."""
    hashed: Counter[str] = Counter()
    hash_content = hashlib.file_digest

    def count(file: Any, digest: str) -> Any:
        hashed[Path(file.name).name] += 1
        return hash_content(file, digest)

    monkeypatch.setattr(hashlib, "file_digest", count)
    card._hash_content.cache_clear()
    model = model_of(Environment(home=home))
    assert versions(ScanOptions([], jobs=1, limits=DEFAULT_LIMITS)).model_sha256 == model
    catalogue = open_catalogue(home)
    update_moods(catalogue)
    catalogue.close()
    load_pipeline()
    assert hashed[GENRE_WEIGHTS.name] == hashed[MOOD_WEIGHTS.name] == 1
    assert set(hashed.values()) == {1}


def test_a_changed_file_is_hashed_again(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    first = card.hash_file(file)
    file.write_bytes(b"two more")
    assert first != card.hash_file(file)
