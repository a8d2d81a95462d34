"""A small BERT from scratch, with a WordPiece tokenizer of its own, trained on the training texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import BertConfig, BertModel, BertTokenizer

from ml.lyrics.text.encoder import TextEncoder
from ml.train.lyrics.table import TextSong

SCRATCH = "scratch"
"""The name of this encoder where a text model is chosen."""
MOST_PIECES = 2500
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TOKENS = 96
HIDDEN, LAYERS, HEADS, INNER = 64, 2, 4, 128


def make_encoder(songs: Sequence[TextSong], seed: int) -> TextEncoder:
    vocabulary = [*SPECIAL, *train_pieces(songs)]
    # Without stripping accents, which would take Hangul apart.
    tokenizer = BertTokenizer(vocab={piece: place for place, piece in enumerate(vocabulary)}, strip_accents=False)
    tokenizer.model_max_length = TOKENS
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=TOKENS,
        pad_token_id=tokenizer.pad_token_id,
    )
    return TextEncoder.of(tokenizer, BertModel(config))


def train_pieces(songs: Sequence[TextSong]) -> list[str]:
    """Frequent parts of words, each as the beginning of a word and, marked ##, as what follows.

    The trainer for marked pieces gives another vocabulary each time; the one for unmarked pieces does not.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=MOST_PIECES, min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator([" ".join(song.words) for song in songs], trainer)
    pieces = sorted(tokenizer.get_vocab())
    return [*pieces, *(f"##{piece}" for piece in pieces)]
