"""What can go wrong while listening, one type per cause.

Each error carries a stable `code` for programs, a `sentence` for people (what the file is, what to do),
and the `facts` that fill the sentence, so that a caller can say the same words in another language.
"""

from __future__ import annotations

from typing import ClassVar


class SoriError(Exception):
    """A failure that a person can read: `str(error)` is a whole sentence."""

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "Something went wrong."

    def __init__(self, **facts: str | float) -> None:
        self.facts = facts
        super().__init__(self.sentence.format(**facts))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.facts)


def _rebuild(kind: type[SoriError], facts: dict[str, str | float]) -> SoriError:
    return kind(**facts)


class AudioError(SoriError):
    """The input cannot be heard. Subclasses name the cause."""

    code = "unreadable"
    sentence = "This file could not be read as audio. Try exporting it again as WAV, FLAC or MP3."
