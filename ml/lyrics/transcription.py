"""From samples to lines of lyrics: voice activity, recognition, and what remains of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats
from ml.lyrics.errors import PackagesMissingError
from ml.lyrics.hub import model_folder
from ml.lyrics.packages import are_installed, require_packages
from ml.lyrics.speech import hallucinations, recognition, voice_activity
from ml.lyrics.speech.recognition import Recogniser
from ml.report.schema import LyricLine, Word

LINE_PAUSE_SECONDS = 0.6
"""A longer pause ends a line."""
LONGEST_LINE = 12
"""A line of more words is cut at its longest pause."""


@dataclass(frozen=True)
class Transcript:
    """What is sung; no `lines` where no words were found."""

    lines: tuple[LyricLine, ...]
    dropped_words: int
    """Words that the model gave but most likely made up. They are not among the lines."""
    model: str
    """The model's name as the person wrote it; for a folder its last part."""


def ignore_share(_done: float) -> None:
    """Default callback: ignores progress."""


class Transcriber:
    """Transcribes songs with one model, which is loaded once."""

    def __init__(self, recogniser: Recogniser, model: str) -> None:
        self._recogniser, self.model = recogniser, model

    @classmethod
    def load(cls, model: str, models_folder: Path, *, threads: int | None = None) -> Transcriber:
        """The model by name or local folder; raises `LyricsError` if it cannot be used."""
        if not are_installed():
            raise PackagesMissingError()
        folder = model_folder(model, models_folder)
        require_packages(threads)
        return cls(recognition.load(folder, model), short_name(model))

    def transcribe(self, samples: Floats, on_progress: Callable[[float], None] = ignore_share) -> Transcript:
        """The lyrics in mono samples at 16 kHz. `on_progress` gets the share that is done, 0..1."""
        stretches = voice_activity.find(samples)
        total = sum(stretch.end - stretch.start for stretch in stretches)
        words: list[Word] = []
        done = 0
        for stretch in stretches:
            length = stretch.end - stretch.start

            def report(share: float, done: int = done, length: int = length) -> None:
                on_progress((done + share * length) / total)

            found = self._recogniser.recognise(samples[stretch.start : stretch.end], report)
            words += [_moved(word, stretch.start / SAMPLE_RATE) for word in found]
            done += length
        on_progress(1.0)
        kept, dropped = hallucinations.split(words)
        return Transcript(tuple(map(_line, lines_of(kept))), dropped, self.model)


def short_name(model: str) -> str:
    """A folder's last part; the name of a model on the hub as it is."""
    return Path(model).resolve().name if Path(model).is_dir() else model


def lines_of(words: Sequence[Word]) -> list[list[Word]]:
    """The words as lines, cut where the singer pauses."""
    lines: list[list[Word]] = []
    for word in words:
        if lines and word.start - lines[-1][-1].end < LINE_PAUSE_SECONDS:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [short for line in lines for short in _short(line)]


def _short(line: list[Word]) -> list[list[Word]]:
    """A long line in parts, cut at its longest pause, away from its edges."""
    if len(line) <= LONGEST_LINE:
        return [line]
    edge = len(line) // 4
    pauses = {number: line[number].start - line[number - 1].end for number in range(edge, len(line) - edge + 1)}
    cut = max(pauses, key=lambda number: (pauses[number], -abs(number - len(line) / 2)))
    return [*_short(line[:cut]), *_short(line[cut:])]


def _line(words: Sequence[Word]) -> LyricLine:
    return LyricLine(" ".join(word.text for word in words), words[0].start, words[-1].end, tuple(words))


def _moved(word: Word, seconds: float) -> Word:
    return replace(word, start=round(word.start + seconds, 3), end=round(word.end + seconds, 3))
