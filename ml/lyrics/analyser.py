"""The words of one song: written ones first, else transcribed ones, and the genre by words and by sound with words."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import BinaryIO

from ml.audio.loading import Audio
from ml.lyrics.errors import LyricsError
from ml.lyrics.genre_by_words import WordsModel
from ml.lyrics.settings import LyricsSettings
from ml.lyrics.transcription import Transcriber
from ml.lyrics.written import find_lyrics
from ml.report.errors import SoriError
from ml.report.schema import LyricLine, Lyrics, Report

WRITTEN_CONFIDENCE = 1.0


class LyricsAnalyser:
    """Loads each model when the first song needs it: songs with written lyrics need no transcription."""

    def __init__(self, settings: LyricsSettings) -> None:
        self._settings = settings

    @cached_property
    def _words_model(self) -> WordsModel:
        return WordsModel.load(text_model=self._settings.text_model, models_folder=self._settings.models_folder)

    @cached_property
    def _transcriber(self) -> Transcriber | LyricsError:
        try:
            settings = self._settings
            return Transcriber.load(settings.asr_model, settings.models_folder, threads=settings.threads)
        except LyricsError as error:
            return error

    def add_to(
        self,
        report: Report,
        source: str | os.PathLike[str] | BinaryIO,
        audio: Audio,
        on_progress: Callable[[float], None],
    ) -> Report:
        """The report with the words of the song. A step that fails leaves a note, and what was found before it."""
        try:
            report = replace(report, lyrics=find_lyrics(source) or self._transcribe(audio, on_progress))
            return self._with_genre(report)
        except SoriError as error:
            return replace(report, notes=(*report.notes, str(error)))

    def _transcribe(self, audio: Audio, on_progress: Callable[[float], None]) -> Lyrics:
        transcriber = self._transcriber
        if isinstance(transcriber, LyricsError):
            raise transcriber
        transcript = transcriber.transcribe(audio.samples, on_progress)
        return Lyrics("transcription", transcript.lines, transcript.model, transcript.dropped_words)

    def _with_genre(self, report: Report) -> Report:
        lines = report.lyrics.lines if report.lyrics else ()
        bpm = report.tempo.bpm if report.tempo else None
        words = self._words_model.genre("\n".join(line.text for line in lines), bpm)
        if words is None or report.lyrics is None:
            return report
        combined = self._words_model.combine(report.genre, words, confidence(lines))
        return replace(report, lyrics=replace(report.lyrics, genre=words, combined=combined))


def confidence(lines: tuple[LyricLine, ...]) -> float:
    """How sure the words are themselves (0..1): the mean over transcribed words, 1 for written ones."""
    scores = [word.confidence for line in lines for word in line.words]
    return sum(scores) / len(scores) if scores else WRITTEN_CONFIDENCE
