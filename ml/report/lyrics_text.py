"""The words of a song as text for people at a terminal, with the genre that they suggest."""

from __future__ import annotations

from collections.abc import Iterator

from ml.report.cells import clean, pad, wrap
from ml.report.schema import Genre, LyricLine, Lyrics, Word
from ml.report.sentences import clock, label_name, percent
from ml.report.translation import Translator

MIN_CONFIDENCE = 0.6
"""A word below this is shown as uncertain, here and on pages."""
NAMED_GENRES = 3

SOURCES = {
    "tags": "The words are from the file’s tags.",
    "file": "The words are from a text file beside the song.",
    "transcription": "The words were transcribed by {model}.",
}


def is_uncertain(word: Word) -> bool:
    return not word.confidence >= MIN_CONFIDENCE


def lyrics_to_lines(lyrics: Lyrics, width: int, translator: Translator) -> Iterator[str]:
    """The section about the words. Of transcribed lines the confidence is shown; an uncertain word has a "?"."""
    yield from wrap(f"{translator.translate('Words')} ({translator.translate('Experimental')})", width)
    if not lyrics.lines:
        yield from _indented(translator.translate("No words found."), width)
    elif lyrics.source in SOURCES:
        yield from _indented(translator.translate(SOURCES[lyrics.source], model=clean(lyrics.model)), width)
    times = [clock(line.start) if line.start is not None else "" for line in lyrics.lines]
    margin = max(map(len, times), default=0)
    for line, time in zip(lyrics.lines, times, strict=True):
        first, *more = wrap(_line_text(line), max(1, width - margin - 4))
        yield f"  {pad(time, margin)}  {first}" if margin else f"  {first}"
        yield from (" " * (margin + 4 if margin else 2) + rest for rest in more)
    if lyrics.dropped_words == 1:
        sentence = translator.translate("One word was left out, because the model most likely made it up.")
        yield from _indented(sentence, width)
    elif lyrics.dropped_words:
        template = "{count} words were left out, because the model most likely made them up."
        yield from _indented(translator.translate(template, count=lyrics.dropped_words), width)
    for name, genre in (("Genre by words", lyrics.genre), ("Genre by sound and words", lyrics.combined)):
        if genre is not None:
            yield from _indented(f"{translator.translate(name)}: {genre_text(genre, translator)}", width)


def genre_text(genre: Genre, translator: Translator) -> str:
    """The likeliest genres with their probabilities."""
    shown = genre.scores[:NAMED_GENRES]
    return ", ".join(f"{label_name(score.label, translator)} {percent(score.probability)}" for score in shown)


def _line_text(line: LyricLine) -> str:
    if not line.words:
        return clean(line.text)
    text = " ".join(f"{word.text}?" if is_uncertain(word) else word.text for word in line.words)
    mean = sum(word.confidence for word in line.words) / len(line.words)
    return f"{clean(text)} ({percent(mean)})"


def _indented(text: str, width: int) -> list[str]:
    return [f"  {line}" for line in wrap(text, max(1, width - 2))]
