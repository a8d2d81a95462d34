"""Hashes of the evaluated model and of the data, so that figures can be reproduced."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ml.audio.folders import looks_like_audio
from ml.evaluate.figures import Figures
from ml.models.card import hash_file
from ml.models.genre import GenreModel
from ml.paths import WEIGHT_FOLDER

TABLES = (
    "emotify/ratings.csv",
    "gtzan/*.csv",
    "gtzan/features_10_sec.tsv",
    "gtzan/splits/*.txt",
    "gtzan/taggrams/*.npz",
)
CLIPS = ("gtzan/clips/**/*", "emotify/clips/*", "speech/*")
FITTED = ("tempo.json", "key.json", "mood.npz")


def summarise_model(model: GenreModel) -> Figures:
    """Name and hashes from the card, and the hashes of the tempo, key and mood weights."""
    logit = {name: hash_file(WEIGHT_FOLDER / name) for name in FITTED}
    signature = model.identity
    return {
        "name": signature.name,
        "version": signature.version,
        "sha256": signature.sha256,
        "files": model.card.sha256 | logit,
    }


def summarise_data(shared: Path) -> Figures:
    """SHA-256 of each table, and one hash over the names and hashes of all clips."""
    clips = [path for path in _found(shared, CLIPS) if looks_like_audio(path)]
    lines = [f"{hash_file(path)}  {path.relative_to(shared).as_posix()}\n" for path in clips]
    return {
        "tables": {path.relative_to(shared).as_posix(): hash_file(path) for path in _found(shared, TABLES)},
        "clips": hashlib.sha256("".join(lines).encode()).hexdigest(),
        "clip_count": len(clips),
    }


def _found(shared: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    yield from sorted({path for pattern in patterns for path in shared.glob(pattern) if path.is_file()})
