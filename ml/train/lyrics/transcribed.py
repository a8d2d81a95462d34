"""Texts for training from audio: one folder per genre, each song transcribed first, its tempo estimated."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ml.audio.loading import load
from ml.features.bands import BandStatistics
from ml.features.track import Track
from ml.lyrics.text.tokens import find_language, words
from ml.lyrics.transcription import Transcriber
from ml.models import tempo
from ml.models.card import GENRE_WEIGHTS, hash_file
from ml.models.genre import BANDS_NAME
from ml.report.errors import SoriError
from ml.report.progress import counted, show_progress
from ml.train.data.corpus import read_folder
from ml.train.files import write_file
from ml.train.lyrics.table import LEAST_WORDS, TextSong, TextTable

VERSION = 1


def transcribe_folder(folder: Path, *, model: str, models_folder: Path, cache: Path) -> TextTable:
    """Songs in one sub-folder per genre. Unreadable files and songs without enough words are counted, by reason.

    Each finished song is cached, so that an interrupted run continues with the next one.
    """
    examples = read_folder(folder)
    transcriber = Transcriber.load(model, models_folder)
    bands = BandStatistics.load(GENRE_WEIGHTS.with_name(BANDS_NAME))
    table = TextTable([])
    model_key = hashlib.sha256(f"{VERSION} {model}".encode()).hexdigest()[:16]
    for example in counted(examples, "transcribing"):
        try:
            path = cache / f"transcript-{model_key}-{hash_file(example.audio)[:32]}.json"
            found = _read(path) or _transcribe(example.audio, transcriber, bands, path)
        except (SoriError, OSError) as error:
            show_progress(f"left out {example.audio.name}: {error}\n")
            reason = error.code if isinstance(error, SoriError) else "file error"
            table.left_out[f"the audio could not be transcribed ({reason})"] += 1
            continue
        sung = words(found["text"])
        if len(sung) < LEAST_WORDS:
            table.left_out[f"fewer than {LEAST_WORDS} words" if sung else "no words found, as in an instrumental"] += 1
            continue
        language = find_language(sung) or "other"
        genre = example.label.casefold()
        table.songs.append(TextSong(found["text"], genre, example.artist, language, example.name, found["bpm"]))
    return table


def _transcribe(audio: Path, transcriber: Transcriber, bands: BandStatistics, path: Path) -> dict[str, Any]:
    loaded = load(audio)
    transcript = transcriber.transcribe(loaded.samples)
    estimated = tempo.estimate(Track(loaded, bands).mel)
    found = {
        "text": "\n".join(line.text for line in transcript.lines),
        "bpm": estimated.bpm if estimated else None,
        "dropped_words": transcript.dropped_words,
    }
    write_file(path, lambda partial: partial.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8"))
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
