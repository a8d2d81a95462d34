"""The genre network: one head over the mean word vector, the encoder's pooled output and the tempo.

Each part can be left out. A trained network is a folder with a card: the head's tensors, and beside them the word
vectors and the encoder in the hub's format.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats
from ml.lyrics.errors import PackagesMissingError
from ml.lyrics.text.encoder import TextEncoder
from ml.lyrics.text.vectors import NAME as VECTORS_NAME
from ml.lyrics.text.vectors import WordVectors
from ml.models.card import Card, load_card
from ml.models.genre import UnusableWeightsError
from ml.models.logit import softmax

KIND = "text network"
HEAD_NAME = "lyrics.safetensors"
WORD2VEC, BERT, BPM = "word2vec", "bert", "bpm"
PARTS = (WORD2VEC, BERT, BPM)
HIDDEN = 64
DROPOUT = 0.3
EPSILON = 1e-5


def is_text_network(folder: Path) -> bool:
    return (folder / HEAD_NAME).is_file()


def build_head(size: int, labels: int) -> Any:
    """Inputs (songs, size) -> scores (songs, labels)."""
    from torch import nn

    return nn.Sequential(
        nn.Dropout(DROPOUT), nn.Linear(size, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, labels)
    )


def standardise(rows: Floats) -> Floats:
    """(songs, size) with mean 0 and deviation 1 in each row, so that no part outweighs another by its scale alone."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + EPSILON), np.float32)


def standardise_pooled(pooled: Any) -> Any:
    """The same for a tensor that an encoder gave."""
    from torch.nn.functional import layer_norm

    return layer_norm(pooled, pooled.shape[1:], eps=EPSILON)


def tempo_inputs(bpm: float | None, mean: float, deviation: float) -> tuple[float, float]:
    """The standardised tempo, and whether it is missing."""
    if bpm is None or not np.isfinite(bpm) or bpm <= 0:
        return 0.0, 1.0
    return (bpm - mean) / deviation, 0.0


@dataclass(frozen=True)
class TextNetwork:
    card: Card
    folder: Path

    @classmethod
    def load(cls, folder: Path) -> TextNetwork:
        """Check all files against the card. The tensors are loaded with the first text."""
        card = load_card(folder / HEAD_NAME)
        parts = card.data.get("parts")
        if card.kind != KIND or not isinstance(parts, list) or not parts or set(parts) - set(PARTS):
            raise UnusableWeightsError(file=HEAD_NAME)
        return cls(card, folder)

    @property
    def parts(self) -> list[str]:
        return list(self.card.data["parts"])

    @cached_property
    def vectors(self) -> WordVectors | None:
        return WordVectors.load(self.folder / VECTORS_NAME) if WORD2VEC in self.parts else None

    @cached_property
    def encoder(self) -> TextEncoder | None:
        return TextEncoder.load(str(self.folder.absolute()), self.folder) if BERT in self.parts else None

    @cached_property
    def head(self) -> Any:
        try:
            from safetensors import SafetensorError
            from safetensors.torch import load_file
        except ImportError as error:
            raise PackagesMissingError from error
        head = build_head(self._input_size, len(self.card.labels))
        try:
            head.load_state_dict(load_file(self.folder / HEAD_NAME))
        except (OSError, RuntimeError, SafetensorError) as error:
            raise UnusableWeightsError(file=HEAD_NAME) from error
        return head.eval()

    @property
    def _input_size(self) -> int:
        return (
            (self.vectors.size if self.vectors else 0)
            + (self.encoder.size if self.encoder else 0)
            + (2 if BPM in self.parts else 0)
        )

    def known_words(self, found: list[str]) -> int:
        return self.vectors.known_words(found) if self.vectors else len(found)

    def probabilities(self, found: list[str], bpm: float | None = None) -> Floats:
        """Calibrated probabilities (labels,) of one text."""
        try:
            import torch
        except ImportError as error:
            raise PackagesMissingError from error
        settings = self.card.settings
        with torch.inference_mode():
            inputs = []
            if self.vectors:
                inputs.append(torch.from_numpy(standardise(self.vectors.mean(found)[None])))
            if self.encoder:
                tokens = self.encoder.tokens([" ".join(found)], int(settings["tokens"]))
                inputs.append(standardise_pooled(self.encoder.pooled(tokens)))
            if BPM in self.parts:
                inputs.append(torch.tensor([tempo_inputs(bpm, settings["bpm_mean"], settings["bpm_deviation"])]))
            scores = self.head(torch.cat(inputs, dim=1))[0].numpy()
        return softmax(np.asarray(scores * settings["temperature"], np.float32))
