"""Which models the lyrics analyser uses. Standard library only: the settings of an installation are declared with
its defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ASR_MODEL = "facebook/wav2vec2-base-960h"
TEXT_MODEL = "bert-base-uncased"
MODELS_FOLDER_NAME = "models"
"""The folder of downloaded models inside `SORI_HOME`."""


@dataclass(frozen=True)
class LyricsSettings:
    """Models by their name on a hub or by a folder; `models_folder` holds those that were downloaded."""

    asr_model: str
    text_model: str
    models_folder: Path
    threads: int | None = None
    """With how many PyTorch computes; by default one where many songs are analysed at once, else all."""
