"""Small models in the hub's format, made in the test run, and fixtures with their folders.

They are loaded by the very code that loads published models. Every test can name the fixtures.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ml.lyrics.speech_synthesis import require_speech_synthesis

COMMON_WORDS = """a all am and are as at be blue but by can come day do down dream every eye fire for from girl go gone
good heart home i in is it la life light like little love me my never night no not of oh on one our out rain river road
run see sing sky so song star sun take tell that the there they this time to up us wait walk was water way we what when
where wind with world you your"""
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def once_per_run(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` filled. The processes of one run (pytest-xdist) share it, so it is filled once."""
    from filelock import FileLock

    base = factory.getbasetemp()
    base = base.parent if base.name.startswith("popen-") else base
    folder = base / "small-models" / name
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            make(partial)
            partial.rename(folder)
    return folder


def make_text_model(folder: Path) -> None:
    """A BERT with random weights, and a tokenizer that knows each letter and some words."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    characters = [*string.ascii_lowercase, *string.digits, *".,!?'-"]
    entries = [*SPECIAL_TOKENS, *characters, *(f"##{letter}" for letter in characters)]
    entries += [word for word in COMMON_WORDS.split() if word not in entries]
    tokenizer = BertTokenizer(vocab={entry: number for number, entry in enumerate(entries)})
    tokenizer.model_max_length = 128
    torch.manual_seed(0)
    model = BertModel(
        BertConfig(
            vocab_size=len(entries),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=128,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_whisper_model(folder: Path) -> None:
    """A Whisper with random weights: its words mean nothing, but it writes tokens and times as a published one does."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    characters = sorted(ByteLevel.alphabet())
    entries = {entry: number for number, entry in enumerate([*characters, *(f"Ġ{letter}" for letter in "abcdefgh")])}
    tokenizer = WhisperTokenizer(vocab=entries, merges=[("Ġ", letter) for letter in "abcdefgh"])
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|ko|>", "<|translate|>", "<|transcribe|>"]
    special += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in special}
    first_time = ids["<|notimestamps|>"] + 1
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=first_time + 1501,
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            max_target_positions=64,
            decoder_start_token_id=ids["<|startoftranscript|>"],
            pad_token_id=ids["<|endoftext|>"],
            bos_token_id=ids["<|endoftext|>"],
            eos_token_id=ids["<|endoftext|>"],
            suppress_tokens=None,
            begin_suppress_tokens=None,
        )
    )
    model.generation_config = GenerationConfig(
        decoder_start_token_id=ids["<|startoftranscript|>"],
        pad_token_id=ids["<|endoftext|>"],
        bos_token_id=ids["<|endoftext|>"],
        eos_token_id=ids["<|endoftext|>"],
        no_timestamps_token_id=ids["<|notimestamps|>"],
        max_initial_timestamp_index=50,
        is_multilingual=True,
        lang_to_id={"<|en|>": ids["<|en|>"], "<|ko|>": ids["<|ko|>"]},
        task_to_id={"translate": ids["<|translate|>"], "transcribe": ids["<|transcribe|>"]},
        max_length=64,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)


@pytest.fixture(scope="session")
def small_whisper_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Whisper of one layer each."""
    pytest.importorskip("transformers", reason="needs requirements-lyrics.txt")
    return once_per_run(tmp_path_factory, "whisper", make_whisper_model)


@pytest.fixture(scope="session")
def small_asr_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small Wav2Vec2 that transcribes the words of `tests.ml.lyrics.speech_synthesis`."""
    pytest.importorskip("transformers", reason="needs requirements-lyrics.txt")
    require_speech_synthesis()
    from tests.ml.lyrics.small_speech_model import make_speech_model

    return once_per_run(tmp_path_factory, "asr", make_speech_model)


@pytest.fixture(scope="session")
def small_text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT of 2 layers and 32 numbers, and its tokenizer."""
    pytest.importorskip("transformers", reason="needs requirements-lyrics.txt")
    return once_per_run(tmp_path_factory, "text", make_text_model)
