"""A report or an error as JSON on one line, for programs."""

from __future__ import annotations

import json
import re
from typing import Any

from ml.report.cells import SURROGATES, UNSAFE
from ml.report.errors import SoriError
from ml.report.schema import Report
from ml.report.translation import ENGLISH, Translator


def to_json(report: Report, **more: Any) -> str:
    """Schema 1, preceded by additional keys such as `file`."""
    return _one_line({**more, **report.to_dict()})


def error_to_json(error: SoriError, *, translator: Translator = ENGLISH, **more: Any) -> str:
    return _one_line({**more, "error": {"code": error.code, "message": translator.explain(error)}})


def _one_line(value: dict[str, Any]) -> str:
    """Readable letters stay as they are; unsafe characters become \\uXXXX."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return re.sub(f"[{UNSAFE}{SURROGATES}]", lambda match: f"\\u{ord(match[0]):04x}", text)
