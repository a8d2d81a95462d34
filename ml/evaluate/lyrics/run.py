"""`python -m ml.evaluate --lyrics`: measure the lyrics analyser and write docs/lyrics.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.evaluate import markdown
from ml.evaluate.lyrics import fusion, page, words
from ml.evaluate.lyrics.recognition import measure as measure_recognition
from ml.evaluate.lyrics.words import Texts
from ml.lyrics.text.tokens import ENGLISH, KOREAN
from ml.paths import DOCS_FOLDER, WEIGHT_FOLDER
from ml.train.data.corpus import CorpusError
from ml.train.metrics import Figures

COMMAND = "python -m ml.evaluate --lyrics"
ASR_MODELS = ("facebook/wav2vec2-base-960h", "openai/whisper-base", "openai/whisper-small")
"""Models whose word error rate is measured where they are installed."""


def measure_and_write(options: argparse.Namespace) -> Figures:
    figures = measure(options.shared, cache=options.cache / "lyrics", models=options.models)
    markdown.save((options.output or DOCS_FOLDER) / "lyrics.md", page.write(figures))
    return figures


def measure(shared: Path, *, cache: Path, models: Path, weights: Path = WEIGHT_FOLDER) -> Figures:
    if not (shared / "lyrics").is_dir():
        raise CorpusError(folder=str(shared / "lyrics"))
    english, korean = (Texts.read(shared, weights, language) for language in (ENGLISH, KOREAN))
    return {
        "command": COMMAND,
        "english": words.measure(english, shared, cache),
        "korean": words.measure(korean, shared, cache),
        "fusion": fusion.measure(english, shared),
        "recognition": measure_recognition(shared, ASR_MODELS, models),
    }
