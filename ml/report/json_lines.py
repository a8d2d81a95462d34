"""A report or an error as JSON on one line, for programs."""

from __future__ import annotations

import json
import re
from typing import Any

from ml.report.errors import SoriError
from ml.report.schema import Report
from ml.report.translation import ENGLISH, Translator

# Controls, marks that reorder text, and lone surrogates: nothing that a terminal would obey or that is not a letter.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def to_json(report: Report, **more: Any) -> str:
    """Schema 1, preceded by additional keys such as `file`."""
    return _one_line({**more, **report.to_dict()})


def error_to_json(error: SoriError, *, translator: Translator = ENGLISH, **more: Any) -> str:
    return _one_line({**more, "error": {"code": error.code, "message": translator.explain(error)}})


def _one_line(value: dict[str, Any]) -> str:
    """Readable letters stay as they are; unsafe characters become \\uXXXX."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
