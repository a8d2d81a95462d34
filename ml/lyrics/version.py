"""How words are read on this machine, as a part of the version that is stored with the features of a track."""

from __future__ import annotations

import hashlib

from ml.lyrics.errors import LyricsError
from ml.lyrics.hub import model_folder
from ml.lyrics.packages import are_installed
from ml.lyrics.settings import LyricsSettings

MARK = "+words-"
WRITTEN_ONLY = "written"


def lyrics_version(settings: LyricsSettings) -> str:
    """Changes with the model, and when transcription becomes possible: then the next scan reads the words again."""
    model = settings.asr_model if _can_transcribe(settings) else WRITTEN_ONLY
    return MARK + hashlib.sha256(model.encode()).hexdigest()[:8]


def _can_transcribe(settings: LyricsSettings) -> bool:
    if not are_installed():
        return False
    try:
        model_folder(settings.asr_model, settings.models_folder)
    except LyricsError:
        return False
    return True
