"""Training of the genre model, step by step: examples, trunk outputs, head, card, weight file."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ml.features.bands import BandStatistics
from ml.features.mel import MEL_BANDS
from ml.models.card import GENRE_WEIGHTS, Card
from ml.models.genre import BANDS_NAME, CompiledNetworks, GenreModel, start_tensorflow
from ml.models.head import Head, assemble
from ml.models.logit import softmax
from ml.paths import WEIGHT_FOLDER
from ml.report.progress import show_progress
from ml.report.schema import Model
from ml.train.data import corpus
from ml.train.data.augmentation import TRAINED_VARIANTS
from ml.train.data.corpus import Example
from ml.train.files import Cache, save_with_card
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row, TrunkOutputs, measure_bands, read_feedback
from ml.train.metrics import calibration_error, rounded, share
from ml.train.trunk import WHEEL_SHA256, fetch_trunk

LICENCE = "Trunk: MSD_musicnn, ISC licence, (c) Music Technology Group, Universitat Pompeu Fabra 2019 (NOTICE)"


def train(options: argparse.Namespace) -> None:
    examples = read_examples(options)
    labels = tuple(sorted({example.label for example in examples}))
    output = options.output or (WEIGHT_FOLDER / "own.keras" if options.data else GENRE_WEIGHTS)
    with ThreadPoolExecutor() as threads:
        # A user's own genres are trained on the shipped trunk, the shipped model on the published one.
        model = GenreModel.load() if options.data else _published_trunk(examples)
        outputs = TrunkOutputs(model, Cache(options.cache), threads)
        rows = list(outputs.rows(examples, TRAINED_VARIANTS))
    if options.feedback:
        rows += read_feedback(options.feedback, labels)
    show_progress("fitting\n")
    head, settings, metrics = fit(rows, labels)
    network = assemble(model.model.trunk, head)
    card = Card(
        name=options.name or ("own" if options.data else "sori-genre"),
        version="1",
        labels=labels,
        settings=settings,
        data=_song_counts(rows),
        metrics=metrics,
        licence=LICENCE,
        trunk_version=model.trunk_version,
    )
    save_with_card(card, output, network.save, {BANDS_NAME: model.bands.save})
    show_progress(f"{output}: {metrics}\n")


def read_examples(options: argparse.Namespace) -> list[Example]:
    if options.data:
        return corpus.read_folder(options.data)
    return corpus.read_research(options.shared, with_emotify=not options.without_emotify)


def fit(rows: Sequence[Row], labels: Sequence[str]) -> tuple[Head, dict[str, float], dict[str, Any]]:
    """The calibrated head, the settings of its card, and its cross-validated figures."""
    table = recipe.tabulate(rows, labels)
    predicted = recipe.cross_predict(table, labels)
    head = recipe.fit_head(table, labels, np.ones(len(rows), bool))
    head, least = recipe.calibrate(head, table, predicted)
    settings = {"least_probability": least, "tags_alone": head.tags_alone, **recipe.MUSIC_LIMITS}
    return head, settings, _cross_validated(table, predicted)


def _cross_validated(table: recipe.TrainingTable, predicted: recipe.Predicted | None) -> dict[str, Any]:
    if predicted is None:
        return {}
    figures: dict[str, Any] = {}
    for source, all_scores, of_source in (
        ("audio", predicted.scores, ~table.is_taggram),
        ("taggrams", predicted.scores_by_tags, table.is_taggram),
    ):
        rows = predicted.scored & of_source
        if not rows.any():
            continue
        scores, truth = all_scores[rows], table.rows.labels[rows]
        probabilities = softmax(scores * recipe.temperature(scores, truth))
        ece = rounded(calibration_error(probabilities, truth))
        figures[f"cross_validated_{source}"] = share(scores.argmax(axis=1) == truth) | {"ece": ece}
    return figures


def _published_trunk(examples: Sequence[Example]) -> GenreModel:
    start_tensorflow()
    neutral = BandStatistics(np.zeros(MEL_BANDS, np.float32), np.eye(MEL_BANDS, dtype=np.float32))
    show_progress("measuring the bands\n")
    bands = measure_bands([example for example in examples if example.path], neutral)
    show_progress("fetching the published trunk\n")
    card = Card("trunk", "1", (), {}, {}, {}, LICENCE)
    return GenreModel(CompiledNetworks(fetch_trunk(), None), card, bands, Model("trunk", "1", WHEEL_SHA256))


def _song_counts(rows: Sequence[Row]) -> dict[str, int]:
    """Number of training songs from each collection."""
    songs = {(row.example.collection, row.example.taggram is not None, row.example.name) for row in rows}
    counts = Counter(f"{name} {'taggrams' if is_taggram else 'audio'}" for name, is_taggram, _ in songs)
    return dict(sorted(counts.items()))
