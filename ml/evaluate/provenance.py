"""Which model was measured, on which data: hashes, so that a figure can be repeated or doubted."""

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


def model(measured: GenreModel) -> Figures:
    """The card's name and hashes, and those of the weights of tempo, key and mood."""
    logit = {name: hash_file(WEIGHT_FOLDER / name) for name in FITTED}
    identity = measured.identity
    return {
        "name": identity.name,
        "version": identity.version,
        "sha256": identity.sha256,
        "files": measured.card.sha256 | logit,
    }


def data(shared: Path) -> Figures:
    """SHA-256 of every table, and one over the names and hashes of all clips."""
    clips = [path for path in _found(shared, CLIPS) if looks_like_audio(path)]
    lines = [f"{hash_file(path)}  {path.relative_to(shared).as_posix()}\n" for path in clips]
    return {
        "tables": {path.relative_to(shared).as_posix(): hash_file(path) for path in _found(shared, TABLES)},
        "clips": hashlib.sha256("".join(lines).encode()).hexdigest(),
        "clip_count": len(clips),
    }


def _found(shared: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    yield from sorted({path for pattern in patterns for path in shared.glob(pattern) if path.is_file()})
