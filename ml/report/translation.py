"""Sentences in the reader's language.

The English sentence is the key. Errors and writers hold templates such as "Sounds like {genre}.", and a catalogue in
`translations/` has the same template in Korean. A template that is in no catalogue stays English, as does everything
while the catalogues are not compiled (`make setup` compiles them).
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ml.paths import TRANSLATIONS_FOLDER

NOTES = (
    "Only the first {length} were analysed.",
    "{count} minutes",
    "{count} seconds",
    "The model {model} is not on this machine. Download it with: python -m ml.lyrics fetch",
    "{model} is no name of a model. Write a folder, or a name on the hub, such as openai/whisper-small.",
    "The model {model} does not turn speech into text. Choose a CTC model, such as Wav2Vec2, or Whisper.",
    "The model {model} cannot be loaded: its files are incomplete, damaged or unsafe. "
    "Delete its folder and download it again with: python -m ml.lyrics fetch",
    "The weight file {file} has no readable card beside it ({card}). Train it again or restore both files.",
    "The weight file {file} is not the one that its card describes. Restore both files or train it again.",
)
"""Templates of a report's notes. A stored note is a finished English sentence: its template has to be found again."""


class ErrorLike(Protocol):
    """A `SoriError`, or the stored row of one."""

    @property
    def sentence(self) -> str: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...


class Translator:
    """Translates templates, errors and finished sentences into one language."""

    def __init__(self, language: str = "en", *, catalogues: Path = TRANSLATIONS_FOLDER) -> None:
        self.language = language
        self._catalogue = gettext.translation("messages", catalogues, [language], fallback=True)

    def translate(self, template: str, **facts: object) -> str:
        """The template in this language, its placeholders filled with `facts` if there are any."""
        # gettext answers the empty string with the header of the catalogue.
        translated = self._catalogue.gettext(template) if template else ""
        return translated.format(**facts) if facts else translated

    def translate_filled(self, sentence: str) -> str:
        """A finished English sentence, such as a stored note; one that fits no template in `NOTES` is its own key."""
        for template in NOTES:
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(template))
            if match := re.fullmatch(pattern, sentence):
                facts = {name: self.translate_filled(fact) for name, fact in match.groupdict().items()}
                return self.translate(template, **facts)
        return self.translate(sentence)

    def explain(self, error: ErrorLike) -> str:
        """The sentence of an error, filled with its facts."""
        return self.translate_error(error.sentence, error.facts)

    def translate_error(self, sentence: str, facts: Mapping[str, Any]) -> str:
        """The same for an error that was stored as its sentence and facts. The only fact to translate is `format`."""
        translated = {name: self.translate(str(fact)) for name, fact in facts.items() if name == "format"}
        return self.translate(sentence, **{**facts, **translated})


ENGLISH = Translator("en")
