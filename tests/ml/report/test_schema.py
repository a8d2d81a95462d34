"""A stored report can be read back, also one that an older version stored."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ml.report.schema import Finding, Neighbour, Neighbours, Report, Score, Why
from tests.fakes import a_report

NEIGHBOUR = Neighbour("1", "One Love", None, "reggae", 0.5, why=Why("same key", 0, 0.9, None, ("guitar",)))
FULL = replace(
    a_report(),
    neighbours=Neighbours(harmony=(NEIGHBOUR,), sound=(replace(NEIGHBOUR, why=None),)),
    findings=(Finding("lyrics", "Lyrics", "Like pop.", (Score("pop", 0.4),)),),
    arousal=(0.1, 0.2, 0.3),
    motion=(0.5, 0.25),
    notes=("Only the first 20 minutes were analysed.",),
)


def stored(report: Report) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(report.to_dict()))
    return data


@pytest.mark.parametrize("report", [a_report(), FULL, replace(FULL, tempo=None, key=None, mood=None)])
def test_a_report_is_read_back(report: Report) -> None:
    assert Report.from_dict(stored(report)) == report


def test_a_report_of_an_older_version_is_read() -> None:
    data = stored(FULL)
    del data["arousal"], data["motion"], data["neighbours"]["harmony"][0]["why"]
    nearest = replace(NEIGHBOUR, why=None)
    wanted = replace(FULL, arousal=(), motion=(), neighbours=Neighbours((nearest,), (nearest,)))
    assert Report.from_dict(data) == wanted


def test_fields_of_a_newer_version_are_ignored() -> None:
    data = stored(FULL)
    data["more"] = data["genre"]["more"] = data["neighbours"]["harmony"][0]["more"] = 1
    assert Report.from_dict(data) == FULL


@pytest.mark.parametrize("schema", [None, 0, 2, "1"])
def test_an_unknown_schema_is_refused(schema: object) -> None:
    with pytest.raises(ValueError, match="schema"):
        Report.from_dict({**stored(FULL), "schema": schema})
