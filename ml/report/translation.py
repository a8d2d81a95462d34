"""The words a person reads, in their language.

The English sentence is the key: `errors` and `writers` hold templates such as "Sounds like {genre}.", and a
catalogue in `translations/` gives the same template in Korean. A template that no catalogue holds stays
English, as does everything when the catalogues were not compiled (`make setup` does that).
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ml.paths import TRANSLATIONS_FOLDER

NOTES = ("Only the first {length} were analysed.", "{count} minutes", "{count} seconds")
"""What a report's notes were filled from: a stored note is a finished sentence and must find its template."""


class ErrorLike(Protocol):
    """An error, or what a ledger kept of one."""

    @property
    def sentence(self) -> str: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...


class Translator:
    """One language: `say` fills a template, `explain` an error's sentence."""

    def __init__(self, language: str = "en", *, catalogues: Path = TRANSLATIONS_FOLDER) -> None:
        self.language = language
        self._translations = gettext.translation("messages", catalogues, [language], fallback=True)

    def translate(self, template: str, **facts: object) -> str:
        # An empty template would be answered with the catalogue's own header.
        translated = self._translations.gettext(template) if template else ""
        return translated.format(**facts) if facts else translated

    def translate_filled(self, text: str) -> str:
        """A sentence that was filled in English already, said again; an unknown one comes back as it is."""
        for template in NOTES:
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(template))
            if found := re.fullmatch(pattern, text):
                return self.translate(
                    template,
                    **{name: self.translate_filled(fact) for name, fact in found.groupdict().items()},
                )
        return self.translate(text)

    def explain(self, error: ErrorLike) -> str:
        return self.translate_error(error.sentence, error.facts)

    def translate_error(self, sentence: str, facts: Mapping[str, Any]) -> str:
        """An error that was stored as its sentence and facts. Of these only a `format` is a word to translate."""
        told = dict(facts)
        if "format" in told:
            told["format"] = self.translate(str(told["format"]))
        return self.translate(sentence, **told)


ENGLISH = Translator("en")
