"""A text encoder of the transformers library, such as BERT: a text's pooled output.

Loaded by name or from a folder, from this machine alone, from safetensors, and without code of the model's author.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.lyrics.errors import ModelMissingError, PackagesMissingError
from ml.lyrics.hub import model_folder

MOST_TOKENS = 512
UNLIMITED = 1_000_000
"""Tokenizers without a limit of their own state an absurdly large number."""


@dataclass(frozen=True)
class TextEncoder:
    tokenizer: Any
    model: Any
    most_tokens: int

    @classmethod
    def load(cls, name: str, models_folder: Path) -> TextEncoder:
        """`name` is a folder, or the name of a model that was downloaded into `models_folder`."""
        try:
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise PackagesMissingError from error
        folder = model_folder(name, models_folder)
        how = {"local_files_only": True, "trust_remote_code": False}
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, **how)
            model = AutoModel.from_pretrained(folder, use_safetensors=True, **how)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelMissingError(model=name) from error
        return cls.of(tokenizer, model)

    @classmethod
    def of(cls, tokenizer: Any, model: Any) -> TextEncoder:
        positions = getattr(model.config, "max_position_embeddings", MOST_TOKENS)
        # RoBERTa counts positions from 2, so without a limit of the tokenizer two stay unused.
        limit = tokenizer.model_max_length if tokenizer.model_max_length < UNLIMITED else positions - 2
        return cls(tokenizer, model.eval(), min(limit, positions, MOST_TOKENS))

    @property
    def size(self) -> int:
        return int(self.model.config.hidden_size)

    def tokens(self, texts: Sequence[str], most: int | None = None) -> dict[str, Any]:
        """Tensors (texts, tokens) of the first tokens of each text, filled to the longest."""
        most = min(most or self.most_tokens, self.most_tokens)
        encoded = self.tokenizer(list(texts), truncation=True, max_length=most, padding=True, return_tensors="pt")
        return {name: encoded[name] for name in ("input_ids", "attention_mask")}

    def pooled(self, tokens: dict[str, Any]) -> Any:
        """(texts, size). A model without a pooled output gives the mean over its tokens instead."""
        output = self.model(**tokens)
        pooled = getattr(output, "pooler_output", None)
        if pooled is not None:
            return pooled
        mask = tokens["attention_mask"].unsqueeze(-1).to(output.last_hidden_state.dtype)
        return (output.last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
