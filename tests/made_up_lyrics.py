"""Made-up lyrics for tests: no line of them is from a song."""

from __future__ import annotations

from ml.report.schema import Genre, LyricLine, Lyrics, Score, Word

LABELS = ("country", "hiphop", "pop", "rock")
LINES = (
    "the paper boat is sailing over numbers",
    "seven quiet lamps are counting to the door",
    "초록 나무 아래 작은 돌을 세어요",
    "we carry empty boxes through a garden",
    "and nobody is asking what they weigh",
    "파란 종이 위에 숫자를 적어요",
    "the kettle on the table hums a letter",
    "a ladder leans against a cloud of wool",
)
UNCERTAIN_EVERY = 5


def transcribed(lines: tuple[str, ...] = LINES, *, seconds: float = 24.0, dropped_words: int = 3) -> Lyrics:
    """Lyrics as a model transcribes them: each word with its times, and every fifth one uncertain."""
    step = seconds / (len(lines) + 1)
    shown, number = [], 0
    for index, text in enumerate(lines):
        start, words = step * (index + 0.5), []
        parts = text.split()
        for place, part in enumerate(parts):
            number += 1
            begin = start + place * 0.9 * step / len(parts)
            confidence = 0.31 if number % UNCERTAIN_EVERY == 0 else 0.87
            words.append(Word(part, round(begin, 3), round(begin + 0.8 * step / len(parts), 3), confidence))
        shown.append(LyricLine(text, round(start, 3), words[-1].end, tuple(words)))
    genre = Genre("pop", False, _scores(0.36, 0.3, 0.2, 0.14))
    combined = Genre("pop", True, _scores(0.52, 0.28, 0.12, 0.08))
    return Lyrics("transcription", tuple(shown), "facebook/wav2vec2-base-960h", dropped_words, genre, combined)


def synchronised() -> Lyrics:
    """Lyrics of a file beside the song: lines with times, and one without."""
    lines = tuple(LyricLine(text, 1.0 + 2 * index) for index, text in enumerate(LINES))
    return Lyrics("file", (LyricLine("[Verse]"), *lines))


def _scores(*probabilities: float) -> tuple[Score, ...]:
    return tuple(
        Score(label, share) for label, share in zip(("pop", "rock", "country", "hiphop"), probabilities, strict=True)
    )
