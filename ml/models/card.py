"""The card beside each weight file: labels, settings, training data, metrics, licence and SHA-256.

Standard library only, so that a page can show a card without loading the model.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ml.paths import WEIGHT_FOLDER
from ml.report.errors import SoriError

GENRE_WEIGHTS = WEIGHT_FOLDER / "genre.keras"
MOOD_WEIGHTS = WEIGHT_FOLDER / "mood.npz"


class WeightError(SoriError):
    """A weight file that is not whole or not usable. Nothing of it has been loaded."""

    code = "weights"


class NoCardError(WeightError):
    code = "weights_without_card"
    sentence = "The weight file {file} has no readable card beside it ({card}). Train it again or restore both files."


class ChangedWeightsError(WeightError):
    code = "weights_changed"
    sentence = "The weight file {file} is not the one that its card describes. Restore both files or train it again."


@dataclass(frozen=True)
class Card:
    """`settings` are numbers that the model needs in use; `metrics` and `data` are for people."""

    name: str
    version: str
    labels: tuple[str, ...]
    settings: dict[str, float]
    data: dict[str, Any]
    metrics: dict[str, Any]
    licence: str
    trunk_version: str = ""
    """`ml.models.genre.GenreModel.trunk_version`, empty for a model without a trunk."""
    sha256: dict[str, str] = field(default_factory=dict)
    """Hash of each file that belongs to the model, by name."""
    kind: str = "transfer"
    """`transfer`, as the shipped model, or one of `ml.models.classic.kinds.KINDS`."""

    def save(self, weights: Path, *companions: Path) -> None:
        """Write the card beside `weights`, with the current hashes of all files."""
        hashes = {path.name: hash_file(path) for path in (weights, *companions)}
        content = asdict(self) | {"sha256": hashes}
        card_path(weights).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_card(weights: Path) -> Card:
    """The card of a weight file. Every file that it names must have the hash that it gives."""
    try:
        content = json.loads(card_path(weights).read_text(encoding="utf-8"))
        card = Card(**content | {"labels": tuple(content["labels"])})
        hashes = {weights.parent / name: sha256 for name, sha256 in card.sha256.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NoCardError(file=weights.name, card=card_path(weights).name) from error
    if weights not in hashes:
        raise NoCardError(file=weights.name, card=card_path(weights).name)
    for path, sha256 in hashes.items():
        if not path.is_file() or hash_file(path) != sha256:
            raise ChangedWeightsError(file=path.name)
    return card


def card_path(weights: Path) -> Path:
    return weights.with_suffix(".json")


def hash_file(path: Path) -> str:
    """SHA-256 of a file, read once per process as long as the file does not change."""
    status = path.stat()
    return _hash_content(path.absolute(), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache
def _hash_content(path: Path, *_state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
