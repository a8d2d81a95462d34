"""Training of the genre by words, step by step: texts, split, fit, calibration, weight against the sound, card."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats
from ml.lyrics.genre_by_words import PRIOR
from ml.lyrics.text.network import BERT, BPM, WORD2VEC
from ml.lyrics.text.network import KIND as NETWORK_KIND
from ml.lyrics.text.tfidf import KIND as TFIDF_KIND
from ml.lyrics.text.tokens import KOREAN, TERMS
from ml.models.card import GENRE_WEIGHTS, Card, load_card
from ml.models.logit import softmax
from ml.paths import WEIGHT_FOLDER
from ml.report.errors import SoriError
from ml.report.progress import show_progress
from ml.train.files import save_with_card
from ml.train.genre.recipe import temperature
from ml.train.lyrics import sound, tfidf
from ml.train.lyrics.splits import Divided, divide, select
from ml.train.lyrics.table import TextSong, TextTable, read_table
from ml.train.metrics import mean_recall, rounded, share

TFIDF = "tfidf"
PARTS = {TFIDF: (), WORD2VEC: (WORD2VEC,), BERT: (BERT,), "both": (WORD2VEC, BERT)}
"""The choices of `--parts`; the network's parts of each."""
LICENCE = "Numbers learnt from song texts that are not included; MIT, as Sori's own code"
KINDS = {KOREAN: ("words", "characters")}
"""Terms to choose from for a language; for another, single words and pairs."""


class NoTextsError(SoriError):
    code = "no_texts"
    sentence = "Training on lyrics needs texts: give a table with --texts, or a folder of songs per genre with --audio."


@dataclass(frozen=True)
class Calibrated:
    """What validation says about a model: the factor on its scores, its limit of confidence, and its figures."""

    temperature: float
    least_probability: float
    probabilities: Floats
    figures: dict[str, Any]

    @classmethod
    def of(cls, scores: Floats, songs: Sequence[TextSong], labels: Sequence[str]) -> Calibrated:
        truth = tfidf.truth_of(songs, labels)
        factor = temperature(scores, truth)
        probabilities = softmax(np.asarray(scores * np.float32(factor), np.float32))
        recall = mean_recall(truth, probabilities.argmax(axis=1))[0]
        figures = share(probabilities.argmax(axis=1) == truth) | {"macro_recall": rounded(recall)}
        return cls(factor, tfidf.least_probability(probabilities, truth), probabilities, figures)


def train(options: argparse.Namespace) -> None:
    table, language = select(read_songs(options), options.language)
    divided = divide(table, options.seed)
    show_progress(f"{divided.table.summary()}; by genre and split: {count_songs(divided)}\n")
    output = options.output or WEIGHT_FOLDER / "own-lyrics"
    if options.parts == TFIDF:
        card = _train_tfidf(divided, language, options, output)
    else:
        card = _train_network(divided, language, options, output)
    show_progress(f"{output}: {card.metrics}\n")


def read_songs(options: argparse.Namespace) -> TextTable:
    if options.audio:
        # Loads audio and speech packages, which a table of texts does not need.
        from ml.train.lyrics.transcribed import transcribe_folder

        return transcribe_folder(
            options.audio, model=options.asr_model, models_folder=options.models, cache=options.cache
        )
    if not options.texts:
        raise NoTextsError
    return read_table(options.texts)


def count_songs(divided: Divided) -> dict[str, dict[str, int]]:
    """Number of songs by genre and split."""
    sides = {"train": divided.train, "valid": divided.valid, "test": divided.test}
    counts = {name: Counter(song.genre for song in songs) for name, songs in sides.items()}
    return {label: {name: counts[name][label] for name in sides} for label in divided.labels}


def _train_tfidf(divided: Divided, language: str, options: argparse.Namespace, output: Path) -> Card:
    labels = divided.labels
    kinds = KINDS.get(language, ("words", "pairs"))
    settings, fitted = tfidf.choose(divided.train, divided.valid, labels, [kind for kind in kinds if kind in TERMS])
    calibrated = Calibrated.of(fitted.scores(divided.valid), divided.valid, labels)
    # What is used learns from the validation songs too; its settings and calibration come from the model before.
    final = tfidf.fit([*divided.train, *divided.valid], labels, settings)
    card = _card(divided, language, options, calibrated, TFIDF_KIND, {"terms": settings.kind})
    card.settings["strength"] = settings.strength
    model = tfidf.build(final, card, settings, calibrated.temperature)
    return save_with_card(card, output if output.suffix == ".npz" else output / "lyrics.npz", model.save)


def _train_network(divided: Divided, language: str, options: argparse.Namespace, output: Path) -> Card:
    # Needs the packages of requirements-lyrics.txt, which TF-IDF does not.
    from ml.train.lyrics import classifier

    parts = (*PARTS[options.parts], *(() if options.without_bpm else (BPM,)))
    fitted = classifier.fit(
        divided.train,
        divided.valid,
        divided.labels,
        classifier.Options(
            parts,
            options.models,
            options.cache,
            options.text_model,
            options.word_vectors,
            options.fine_tune,
            options.epochs,
            options.seed,
        ),
    )
    calibrated = Calibrated.of(fitted.scores(divided.valid), divided.valid, divided.labels)
    extra = {"parts": list(parts), "text_model": Path(options.text_model).name if BERT in parts else ""}
    card = _card(divided, language, options, calibrated, NETWORK_KIND, extra)
    card.settings.update(fitted.settings, temperature=calibrated.temperature)
    return fitted.save(card, output)


def _card(
    divided: Divided,
    language: str,
    options: argparse.Namespace,
    calibrated: Calibrated,
    kind: str,
    extra: dict[str, Any],
) -> Card:
    labels = divided.labels
    priors = dict.fromkeys(labels, 1 / len(labels))  # every label has the same weight in training
    settings = {"least_probability": calibrated.least_probability}
    settings |= {f"{PRIOR}{label}": value for label, value in priors.items()}
    metrics: dict[str, Any] = {"validation": calibrated.figures}
    known = load_card(GENRE_WEIGHTS).labels
    if set(labels) <= set(known) and (options.shared / "gtzan" / "taggrams").is_dir():
        show_progress("fitting the weight against the sound\n")
        tracks = sound.cross_predict(options.shared, known)
        pairs = sound.make_pairs(tracks, divided.valid, calibrated.probabilities, priors, seed=options.seed)
        settings["fusion_weight"] = sound.fit_weight(pairs)
        metrics["fusion"] = {"sound": pairs.accuracy(0.0), "fused": pairs.accuracy(settings["fusion_weight"])}
    left_out = {reason: count for reason, count in sorted(divided.table.left_out.items()) if count}
    return Card(
        name=options.name or f"sori-lyrics-{language}",
        version="1",
        labels=labels,
        settings=settings,
        data={"language": language, "seed": options.seed, "texts": count_songs(divided), "left_out": left_out, **extra},
        metrics=metrics,
        licence=LICENCE,
        kind=kind,
    )
