from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs requirements-lyrics.txt")


def test_the_small_text_model_is_loaded_like_a_published_one(small_text_model: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(small_text_model, local_files_only=True)
    model = AutoModel.from_pretrained(small_text_model, local_files_only=True, use_safetensors=True)
    encoded = tokenizer(["Love in the rain", "unbelievable"], return_tensors="pt", padding=True)
    assert tokenizer.unk_token_id not in encoded["input_ids"]
    assert tuple(model(**encoded).pooler_output.shape) == (2, 32)
    assert "model.safetensors" in {path.name for path in small_text_model.iterdir()}
