"""A report as JSON: schema 1 on one line, every letter kept, no control characters."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.report.errors import AudioError
from ml.report.json_lines import error_to_json, to_json
from ml.report.schema import Report, Score
from ml.report.translation import Translator
from tests.fakes import a_report


def test_json_is_the_report_on_one_line(report: Report) -> None:
    line = to_json(report, file="노래.mp3")
    assert "\n" not in line
    assert "노래.mp3" in line
    assert json.loads(line) == {"file": "노래.mp3", **json.loads(json.dumps(report.to_dict()))}
    assert Report.from_dict(json.loads(line)) == report


@given(st.text(st.characters(codec=None), max_size=60))
def test_json_keeps_every_letter_and_has_no_control_characters(title: str) -> None:
    line = to_json(a_report(title=title))
    assert json.loads(line)["title"] == title
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", line)
    line.encode()


def test_nan_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(replace(a_report(), tags=(Score("x", math.nan),)))


def test_an_error_as_json() -> None:
    failure = json.loads(error_to_json(AudioError(), translator=Translator("ko"), file="a.mp3"))
    assert failure["file"] == "a.mp3"
    assert failure["error"]["code"] == "unreadable"
    assert failure["error"]["message"].endswith("내보내 보세요.")
