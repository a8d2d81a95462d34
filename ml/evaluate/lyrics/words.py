"""Genre from words alone: the rows of the table, from the most frequent genre to words and tempo in one network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ml.evaluate.lyrics.intervals import figures_by_artist
from ml.evaluate.lyrics.tempi import add_tempi, read_tempi
from ml.features.arrays import Floats, Reals
from ml.lyrics.genre_by_words import SHIPPED
from ml.lyrics.text.network import BERT, BPM, WORD2VEC
from ml.lyrics.text.tfidf import TfidfModel
from ml.lyrics.text.tokens import ENGLISH, KOREAN
from ml.models.card import hash_file
from ml.report.progress import show_progress
from ml.train.files import Cache
from ml.train.lyrics import tfidf
from ml.train.lyrics.classifier import Options, fit
from ml.train.lyrics.encoder import SCRATCH
from ml.train.lyrics.splits import Divided, divide, select
from ml.train.lyrics.table import TextSong, read_table
from ml.train.lyrics.training import count_songs
from ml.train.metrics import Figures, share

TABLES = {ENGLISH: "english.csv.gz", KOREAN: "melon.csv.gz"}
VERSION = 2
"""Part of the key of cached predictions; a change of a recipe changes it."""
ROWS = {"word2vec": (WORD2VEC,), "bert": (BERT,), "both": (WORD2VEC, BERT), "both_bpm": (WORD2VEC, BERT, BPM)}
NETWORKS = {ENGLISH: (*ROWS,), KOREAN: ("word2vec", "bert", "both")}
"""The networks that are measured in each language. No tempo is annotated for songs of the Korean genres."""
EPOCHS, ENCODER_EPOCHS = 60, 8
"""The most epochs of a head, and of an encoder that is trained from scratch."""


@dataclass(frozen=True)
class Texts:
    """The texts of one language as the shipped model's training divided them."""

    language: str
    divided: Divided
    shipped: TfidfModel
    path: Path

    @classmethod
    def read(cls, shared: Path, weights: Path, language: str) -> Texts:
        path = shared / "lyrics" / TABLES[language]
        shipped = TfidfModel.load(weights / SHIPPED[language])
        table, _ = select(read_table(path), language)
        divided = divide(table, int(shipped.card.data["seed"]))
        return cls(language, divided, shipped, path)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.shipped.card.labels


def measure(texts: Texts, shared: Path, cache: Path) -> Figures:
    """Each row's figures on validation and test songs, and those of the shipped model."""
    divided, card = texts.divided, texts.shipped.card
    rows = {"majority": _majority(texts), "tfidf": _tfidf(texts)} | _networks(texts, shared, cache)
    best = max(rows, key=lambda name: rows[name]["valid"]["accuracy"]["accuracy"])
    return {
        "language": texts.language,
        "labels": list(texts.labels),
        "songs": count_songs(divided),
        "left_out": card.data["left_out"],
        "rows": rows,
        "best": best,
        "shipped": {
            "file": SHIPPED[texts.language],
            "name": card.name,
            "sha256": card.sha256[SHIPPED[texts.language]],
            "terms": len(texts.shipped.terms),
            "kind": texts.shipped.kind,
            "recall": _recall(texts),
            "confident": _confident(texts),
        },
    }


def predict_shipped(texts: Texts, songs: Sequence[TextSong]) -> Floats:
    """(songs, labels) by the shipped file, exactly as an analysis uses it."""
    return np.array([texts.shipped.probabilities(song.words) for song in songs], np.float32)


def predict_before_refit(texts: Texts, songs: Sequence[TextSong]) -> Reals:
    """(songs, labels) calibrated scores of the same recipe without the validation songs, to measure on these."""
    card = texts.shipped.card
    settings = tfidf.Settings(texts.shipped.kind, card.settings["strength"])
    scores = tfidf.fit(texts.divided.train, texts.labels, settings).scores(songs)
    return np.asarray(scores, np.float32)


def figures(texts: Texts, songs: Sequence[TextSong], scores: Reals) -> Figures:
    truth = tfidf.truth_of(songs, texts.labels)
    return figures_by_artist(truth, np.asarray(scores.argmax(axis=1), np.int64), [song.artist for song in songs])


def _both(texts: Texts, valid: Reals, test: Reals) -> Figures:
    divided = texts.divided
    return {"valid": figures(texts, divided.valid, valid), "test": figures(texts, divided.test, test)}


def _majority(texts: Texts) -> Figures:
    best = Counter(song.genre for song in texts.divided.train).most_common(1)[0][0]
    one = np.eye(len(texts.labels))[texts.labels.index(best)]
    sides = (texts.divided.valid, texts.divided.test)
    return {**_both(texts, *(np.tile(one, (len(songs), 1)) for songs in sides)), "label": best}


def _tfidf(texts: Texts) -> Figures:
    valid = predict_before_refit(texts, texts.divided.valid)
    return _both(texts, valid, predict_shipped(texts, texts.divided.test))


def _networks(texts: Texts, shared: Path, cache: Path) -> dict[str, Figures]:
    """The networks, their predictions cached: the encoder is trained once, alone, and stays as it is in the others."""
    divided, seed = texts.divided, int(texts.shipped.card.data["seed"])
    tempi = read_tempi(shared, seed)
    names = NETWORKS[texts.language]
    sides = {"train": divided.train, "valid": divided.valid, "test": divided.test}
    songs = {side: add_tempi(some, tempi, side, seed) for side, some in sides.items()}
    fitted: dict[str, tuple[Floats, Floats]] = {}

    def predict_all() -> dict[str, Floats]:
        """All rows at once, because later ones use the encoder and the vectors of earlier ones."""
        options = Options((), cache, cache, SCRATCH, epochs=EPOCHS, seed=seed)
        vectors, encoder = None, None
        for name in names:
            show_progress(f"{texts.language}: training {name}\n")
            epochs = ENCODER_EPOCHS if ROWS[name] == (BERT,) else EPOCHS
            chosen = replace(options, parts=ROWS[name], epochs=epochs)
            one = fit(songs["train"], songs["valid"], texts.labels, chosen, encoder=encoder, vectors=vectors)
            vectors, encoder = one.parts.vectors or vectors, one.parts.encoder or encoder
            fitted[name] = one.scores(songs["valid"]), one.scores(songs["test"])
        return {f"{name} {side}": scores for name in names for side, scores in zip(_SIDES, fitted[name], strict=True)}

    hashes = f"{hash_file(texts.path)}|{hash_file(shared / 'gtzan/tempo.csv')}"
    key = f"lyrics networks|{VERSION}|{EPOCHS}|{ENCODER_EPOCHS}|{seed}|{hashes}|{' '.join(names)}"
    arrays = Cache(cache).get_arrays(key, predict_all)
    return {name: _both(texts, arrays[f"{name} valid"], arrays[f"{name} test"]) for name in names}


_SIDES = ("valid", "test")


def _recall(texts: Texts) -> Figures:
    """Recall of each genre on the test, with the number of songs."""
    songs = texts.divided.test
    truth = tfidf.truth_of(songs, texts.labels)
    right = predict_shipped(texts, songs).argmax(axis=1) == truth
    return {label: share(right[truth == i], key="recall") for i, label in enumerate(texts.labels) if (truth == i).any()}


def _confident(texts: Texts) -> Figures:
    """How often the shipped model is confident on the test, and how often it is right then."""
    songs = texts.divided.test
    probabilities = predict_shipped(texts, songs)
    right = probabilities.argmax(axis=1) == tfidf.truth_of(songs, texts.labels)
    confident = probabilities.max(axis=1) >= texts.shipped.card.settings["least_probability"]
    return {"rate": share(confident, key="rate"), "accuracy": share(right[confident])}
