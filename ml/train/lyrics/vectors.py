"""Word vectors for the network: fitted by Word2Vec to the training texts, or read from a published file."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ml.lyrics.errors import PackagesMissingError
from ml.lyrics.text.vectors import WordVectors
from ml.train.lyrics.table import TableError, TextSong

SIZE = 100
WINDOW = 5
EPOCHS = 6
LEAST_COUNT = 3
MOST_WORDS = 200_000
SETTINGS = (SIZE, WINDOW, EPOCHS, LEAST_COUNT)
"""Part of the key of cached vectors."""


def fit_vectors(songs: Sequence[TextSong], seed: int) -> WordVectors:
    """Skip-gram. One thread and a stable hash: the same seed gives the same vectors."""
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise PackagesMissingError from error
    texts = [song.words for song in songs]
    counts = Counter(word for text in texts for word in text)
    least = LEAST_COUNT if max(counts.values(), default=0) >= LEAST_COUNT else 1
    model = Word2Vec(
        texts, vector_size=SIZE, window=WINDOW, min_count=least, sg=1, epochs=EPOCHS, workers=1, seed=seed,
        hashfxn=stable_hash,
    )  # fmt: skip
    return WordVectors(tuple(model.wv.index_to_key), np.asarray(model.wv.vectors, np.float32))


def stable_hash(text: str) -> int:
    return zlib.crc32(text.encode("utf-8"))


def read_vectors(path: Path, songs: Sequence[TextSong]) -> WordVectors:
    """Vectors of the songs' words, from a file in Word2Vec's text format or, named .bin, in its binary format."""
    try:
        from gensim.models import KeyedVectors
    except ImportError as error:
        raise PackagesMissingError from error
    try:
        vectors = KeyedVectors.load_word2vec_format(str(path), binary=path.suffix == ".bin", limit=MOST_WORDS)
    except (OSError, EOFError, ValueError) as error:
        raise TableError(file=path.name, reason="it holds no word vectors in the format of Word2Vec") from error
    used = {word for song in songs for word in song.words}
    known = tuple(word for word in vectors.index_to_key if word in used and "\n" not in word)
    if not known:
        raise TableError(file=path.name, reason="it has a vector for none of the words")
    return WordVectors(known, np.asarray(vectors[list(known)], np.float32))
