"""Trains a small Wav2Vec2 CTC model on synthesised speech, from nothing, in about a minute of one core.

The first convolution starts as a bank of band-pass filters, such as a network that is trained for days learns. The
rest starts at random. The tokenizer knows letters, so the model spells the words.
"""

from __future__ import annotations

import json
import random
import string
import warnings
from pathlib import Path

import numpy as np
import torch
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
)

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from tests.ml.lyrics.speech_synthesis import random_sentence, random_voice, speak

FILTERS, FILTER_LENGTH = 48, 256
SENTENCES, BATCH, EPOCHS = 400, 8, 15
PEAK_LEARNING_RATE = 2e-3


def sentences(count: int, *, seed: int) -> list[tuple[str, Floats]]:
    """Random orders of the known words in random voices."""
    numbers = random.Random(seed)
    texts = [random_sentence(numbers, numbers.randint(2, 5)) for _ in range(count)]
    return [(text, speak(text, random_voice(numbers))) for text in texts]


def make_processor(folder: Path) -> Wav2Vec2Processor:
    folder.mkdir(parents=True, exist_ok=True)
    entries = ["<pad>", "<s>", "</s>", "<unk>", "|", *string.ascii_uppercase, "'"]
    (folder / "vocab.json").write_text(json.dumps({entry: number for number, entry in enumerate(entries)}))
    tokenizer = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=SAMPLE_RATE, do_normalize=True)
    return Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer)


def make_model(vocabulary: int) -> Wav2Vec2ForCTC:
    """One output frame every 20 ms, as in the published models."""
    torch.manual_seed(0)
    model = Wav2Vec2ForCTC(
        Wav2Vec2Config(
            vocab_size=vocabulary,
            conv_dim=(FILTERS, 64, 96),
            conv_kernel=(FILTER_LENGTH, 8, 4),
            conv_stride=(40, 4, 2),
            feat_extract_norm="layer",
            hidden_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=192,
            num_conv_pos_embeddings=15,
            num_conv_pos_embedding_groups=4,
            do_stable_layer_norm=True,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            ctc_loss_reduction="mean",
            ctc_zero_infinity=True,
            apply_spec_augment=False,
            layerdrop=0.0,
            hidden_dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
            feat_proj_dropout=0.0,
            final_dropout=0.0,
        )
    )
    first = model.wav2vec2.feature_extractor.conv_layers[0].conv
    with torch.no_grad():
        first.weight.copy_(band_pass_filters()[:, None])
    return model


def band_pass_filters() -> torch.Tensor:
    """Gabor filters with centres evenly spaced on the mel scale, shape (filters, taps)."""
    mels = np.linspace(2595 * np.log10(1 + 120 / 700), 2595 * np.log10(1 + 5500 / 700), FILTERS)
    centres = 700 * (10 ** (mels / 2595) - 1)
    widths = np.gradient(centres)
    seconds = (np.arange(FILTER_LENGTH) - FILTER_LENGTH / 2) / SAMPLE_RATE
    envelopes = np.exp(-0.5 * (2 * np.pi * widths[:, None] * seconds) ** 2)
    filters = envelopes * np.cos(2 * np.pi * centres[:, None] * seconds)
    filters /= np.linalg.norm(filters, axis=1, keepdims=True)
    return torch.tensor(filters, dtype=torch.float32)


def make_speech_model(folder: Path, *, report: bool = False) -> None:
    """Train, and save model and processor in the hub's format."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small steps gain nothing from more
    try:
        processor = make_processor(folder)
        model = make_model(len(processor.tokenizer))
        examples = sentences(SENTENCES, seed=1)
        # oneDNN prepares each convolution anew for every length of a batch, which takes longer than it saves.
        with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
            train(model, processor, examples, report=report)
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    finally:
        torch.set_num_threads(threads)


def train(
    model: Wav2Vec2ForCTC, processor: Wav2Vec2Processor, examples: list[tuple[str, Floats]], *, report: bool
) -> None:
    batches = batches_of_like_length(examples)
    steps = EPOCHS * len(batches)
    optimiser = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_LEARNING_RATE, total_steps=steps, pct_start=0.2)
    numbers = random.Random(2)
    model.train()
    for epoch in range(EPOCHS):
        numbers.shuffle(batches)
        losses = []
        for batch in batches:
            inputs = processor(
                [samples for _, samples in batch],
                sampling_rate=SAMPLE_RATE,
                return_tensors="pt",
                padding=True,
                return_attention_mask=True,
            )
            targets = processor.tokenizer([text.upper() for text, _ in batch], padding=True, return_tensors="pt")
            labels = targets.input_ids.masked_fill(targets.attention_mask.eq(0), -100)
            loss = model(**inputs, labels=labels).loss
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        if report:
            print(epoch, np.mean(losses), flush=True)
    model.eval()


def batches_of_like_length(examples: list[tuple[str, Floats]]) -> list[list[tuple[str, Floats]]]:
    """Little padding, so that little work is lost."""
    ordered = sorted(examples, key=lambda example: len(example[1]))
    return [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
