"""Fit the genre network's parts to songs, and save it as a folder that `ml.lyrics` loads."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from ml.features.arrays import Floats
from ml.lyrics.settings import TEXT_MODEL
from ml.lyrics.text.encoder import TextEncoder
from ml.lyrics.text.network import BERT, BPM, HEAD_NAME, WORD2VEC, standardise, tempo_inputs
from ml.lyrics.text.vectors import NAME as VECTORS_NAME
from ml.lyrics.text.vectors import WordVectors
from ml.models.card import Card, hash_file
from ml.report.progress import show_progress
from ml.train.files import save_with_card, write_file
from ml.train.lyrics import network
from ml.train.lyrics.encoder import SCRATCH, make_encoder
from ml.train.lyrics.network import Inputs, Network, Run, State
from ml.train.lyrics.table import TextSong
from ml.train.lyrics.tfidf import truth_of
from ml.train.lyrics.vectors import SETTINGS, fit_vectors, read_vectors

ENCODED_AT_ONCE = 16


@dataclass(frozen=True)
class Options:
    """`text_model` is a name, a folder or `scratch`; `word2vec` a file of vectors in place of fitting them."""

    parts: tuple[str, ...]
    models_folder: Path
    cache: Path
    text_model: str = TEXT_MODEL
    word2vec: Path | None = None
    fine_tune: bool = False
    epochs: int = 30
    seed: int = 0


@dataclass(frozen=True)
class Parts:
    """What turns songs into the network's inputs. `bpm`: mean and deviation over the training songs."""

    vectors: WordVectors | None
    encoder: TextEncoder | None
    trains_encoder: bool
    bpm: tuple[float, float] | None

    @property
    def split(self) -> int:
        """Columns before the encoder's output."""
        return self.vectors.size if self.vectors else 0

    def inputs(self, songs: Sequence[TextSong], labels: Sequence[str]) -> Inputs:
        columns = [np.zeros((len(songs), 0), np.float32)]
        if self.vectors:
            columns.append(standardise(np.array([self.vectors.mean(song.words) for song in songs], np.float32)))
        if self.encoder and not self.trains_encoder:
            columns.append(standardise(encode(self.encoder, texts_of(songs))))
        if self.bpm:
            columns.append(np.array([tempo_inputs(song.bpm, *self.bpm) for song in songs], np.float32))
        texts = texts_of(songs) if self.encoder and self.trains_encoder else ()
        return Inputs(np.concatenate(columns, axis=1), truth_of(songs, labels), texts)


@dataclass(frozen=True)
class Classifier:
    labels: tuple[str, ...]
    parts: Parts
    network: Network
    state: State

    def scores(self, songs: Sequence[TextSong]) -> Floats:
        """(songs, labels)"""
        return network.scores(self.network, self.parts.inputs(songs, self.labels), self.tokens)

    @property
    def tokens(self) -> int:
        return self.parts.encoder.most_tokens if self.parts.encoder else 0

    @property
    def settings(self) -> dict[str, float]:
        mean, deviation = self.parts.bpm or (0.0, 1.0)
        return {"bpm_mean": mean, "bpm_deviation": deviation, "tokens": float(self.tokens)}

    def save(self, card: Card, folder: Path) -> Card:
        """Head, word vectors and encoder, with one card for all files."""
        folder.mkdir(parents=True, exist_ok=True)
        head = {name: tensor.contiguous() for name, tensor in self.network.head.state_dict().items()}
        with tempfile.TemporaryDirectory(dir=folder) as place:
            companions: dict[str, Any] = {}
            if self.parts.vectors:
                companions[VECTORS_NAME] = self.parts.vectors.save
            if self.parts.encoder:
                self.parts.encoder.model.save_pretrained(place)
                self.parts.encoder.tokenizer.save_pretrained(place)
                files = sorted(path for path in Path(place).iterdir() if path.is_file())
                companions |= {path.name: partial(shutil.copyfile, path) for path in files}
            return save_with_card(card, folder / HEAD_NAME, lambda path: save_file(head, path), companions)


def fit(
    train: Sequence[TextSong],
    valid: Sequence[TextSong],
    labels: Sequence[str],
    options: Options,
    *,
    encoder: TextEncoder | None = None,
    vectors: WordVectors | None = None,
) -> Classifier:
    """The network over the chosen parts; an `encoder` or `vectors` that are given stay as they are."""
    is_new = BERT in options.parts and encoder is None
    if is_new:
        encoder = _load_encoder(train, options)
    if WORD2VEC in options.parts and vectors is None:
        show_progress("word vectors\n")
        source = options.word2vec
        vectors = read_vectors(source, [*train, *valid]) if source else _fitted_vectors(train, options)
    parts = Parts(
        vectors if WORD2VEC in options.parts else None,
        encoder if BERT in options.parts else None,
        is_new and (options.fine_tune or options.text_model == SCRATCH),
        _tempo_statistics(train) if BPM in options.parts else None,
    )
    folder = options.cache / f"lyrics-{fingerprint(train, valid, options, parts)}"
    trained = parts.encoder if parts.trains_encoder else None
    rate = network.LEARNING_RATE if options.text_model == SCRATCH else network.FINE_TUNING_RATE
    tokens = parts.encoder.most_tokens if parts.encoder else 0
    run = Run(len(labels), folder, options.epochs, options.seed, tokens, rate)
    learnt, held_out = (parts.inputs(songs, labels) for songs in (train, valid))
    fitted, state = network.fit(learnt, held_out, run, encoder=trained, split=parts.split)
    network.clear(folder)
    return Classifier(tuple(labels), parts, fitted, state)


def _fitted_vectors(songs: Sequence[TextSong], options: Options) -> WordVectors:
    """Through the cache, because fitting takes minutes."""
    digest = hashlib.sha256(json.dumps([options.seed, SETTINGS, [song.words for song in songs]]).encode())
    path = options.cache / f"vectors-{digest.hexdigest()[:16]}.npz"
    if not path.exists():
        write_file(path, fit_vectors(songs, options.seed).save)
    return WordVectors.load(path)


def _load_encoder(songs: Sequence[TextSong], options: Options) -> TextEncoder:
    if options.text_model == SCRATCH:
        show_progress("tokenizer of its own\n")
        return make_encoder(songs, options.seed)
    return TextEncoder.load(options.text_model, options.models_folder)


def encode(encoder: TextEncoder, texts: Sequence[str]) -> Floats:
    """(texts, size) pooled outputs of a frozen encoder."""
    rows = []
    encoder.model.eval()
    with torch.inference_mode():
        for start in range(0, len(texts), ENCODED_AT_ONCE):
            show_progress(f"encoding texts {start}/{len(texts)}")
            rows.append(encoder.pooled(encoder.tokens(texts[start : start + ENCODED_AT_ONCE])).numpy())
    return np.concatenate(rows).astype(np.float32)


def texts_of(songs: Sequence[TextSong]) -> list[str]:
    """The texts as an encoder reads them, here and in an analysis."""
    return [" ".join(song.words) for song in songs]


def _tempo_statistics(songs: Sequence[TextSong]) -> tuple[float, float]:
    tempi = [song.bpm for song in songs if song.bpm is not None]
    return (float(np.mean(tempi)), float(np.std(tempi)) or 1.0) if tempi else (120.0, 30.0)


def fingerprint(train: Sequence[TextSong], valid: Sequence[TextSong], options: Options, parts: Parts) -> str:
    """A hash of the songs and of every setting that the result depends on."""
    settings = {
        "parts": options.parts,
        "model": options.text_model,
        "trains": parts.trains_encoder,
        "seed": options.seed,
        "vectors": hash_file(options.word2vec) if options.word2vec else "",
        "size": parts.encoder.size if parts.encoder else 0,
    }
    digest = hashlib.sha256(json.dumps(settings).encode())
    for song in [*train, *valid]:
        digest.update(f"{song.split}\n{song.genre}\n{song.bpm}\n{song.text}\n".encode("utf-8", "replace"))
    return digest.hexdigest()[:16]
